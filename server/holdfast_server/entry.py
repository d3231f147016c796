"""The `holdfast` command: the command line, or how to install it."""

import sys


def main() -> None:
    """Run the command line. Without the `server` extra, say what to install and exit with 1."""
    try:
        from holdfast_server import cli
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in ("", "holdfast", "holdfast_server"):
            raise
        sys.exit("the command line needs: pip install 'holdfast[server]'")
    cli.main()
