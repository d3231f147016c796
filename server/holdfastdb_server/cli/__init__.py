"""The `holdfast` command line. Each command has a file, which is loaded when it is run.

Exit codes: 0 done, 1 failed, 2 wrong usage or a bad setting.
"""

from __future__ import annotations

import contextlib
import errno
import io
import keyword
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from holdfastdb_server.cli.invocation import FAILED, USAGE, complain

# The commands, under the heading that `holdfast --help` shows them with. Each is the function of its name in
# the module of its name; that of `import`, a keyword, is `import_`.
_PANELS = {
    "Run the server": ("serve", "migrate", "janitor", "doctor", "health"),
    "Show stored data": (
        "sessions",
        "history",
        "tail",
        "tasks",
        "runs",
        "plans",
        "memories",
        "documents",
    ),
    "Decide approvals": ("approvals", "approve", "reject"),
    "Import and export": ("import", "export", "sync"),
}
_MARKUP: Final = "markdown"


# The base of its errors: older releases have it from the package click, newer ones from a copy of their own.
_UsageError: Any = typer.BadParameter.__base__
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(TyperGroup):
    """The commands, each loaded when it is run: to load all takes longer than most of them run."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit. What goes wrong is said in a line on stderr."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
            sys.stdout.flush()
        except _UsageError as error:
            code = _explain(error)
        except BrokenPipeError:  # the reader of our output has seen enough
            code = FAILED
            _discard_output()
        except OSError as error:
            code = FAILED
            what = error.filename or ("the output cannot be written" if error.errno in _DISK_ERRORS else "")
            complain(": ".join(filter(None, (what, error.strerror or str(error)))))
            _discard_output()
        sys.exit(code)

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for names in _PANELS.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = self.list_commands(ctx)
        # All for an unknown one: the error message names the nearest.
        for name in [cmd_name] if cmd_name in known else known:
            if name not in self.commands:
                self.add_command(_make(name))
        return super().get_command(ctx, cmd_name)


def _explain(error: Any) -> int:
    """Say what is wrong with the command line; where it is empty, which commands there are. The exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help, which is printed already
        return USAGE
    hint = f"; see {error.ctx.command_path} --help" if error.ctx else ""
    complain(error.format_message().replace("Value error, ", "").rstrip(".") + hint)
    return int(error.exit_code)


def _discard_output() -> None:
    """Have Python not try once more at its end to write what could not be written."""
    with contextlib.suppress(io.UnsupportedOperation):  # where a test has put something else in its place
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _make(name: str) -> Any:
    panel = next(panel for panel, names in _PANELS.items() if name in names)
    identifier = f"{name}_" if keyword.iskeyword(name) else name
    module = import_module(f"holdfastdb_server.cli.commands.{identifier}")
    alone = typer.Typer(rich_markup_mode=_MARKUP, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name, rich_help_panel=panel)(getattr(module, identifier))
    return get_command(alone)


app = typer.Typer(
    name="holdfast",
    cls=_Commands,
    help="Durable memory for AI agents: run the server and show what it stores.",
    epilog="Start with `holdfast serve`, then run `holdfast sessions` in another terminal.",
    no_args_is_help=True,
    rich_markup_mode=_MARKUP,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from holdfastdb_server.cli.version import release

        typer.echo(f"holdfast {release()}")
        raise typer.Exit


@app.callback()
def _holdfast(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Durable memory for AI agents: run the server and show what it stores."""


def main() -> None:
    """Run the command line."""
    _open_streams()
    app()


def _open_streams() -> None:
    """Have a stdout and a stderr that take any text, where they are closed or the locale lacks characters."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 -- until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
