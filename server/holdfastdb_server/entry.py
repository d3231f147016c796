"""The `holdfast` command: the command line, or how to install it."""

import sys


def main() -> None:
    """Run the command line. Without the `server` extra, say what to install and exit with 1."""
    try:
        from holdfastdb_server import cli
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in ("", "holdfastdb", "holdfastdb_server"):
            raise
        sys.exit("the command line needs: pip install 'holdfastdb[server]'")
    cli.main()
