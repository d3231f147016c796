"""The `holdfast` command line. Each family of commands has a file, which is loaded when one of them is run.

Exit codes: 0 done, 1 failed, 2 wrong usage or a bad setting.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

# The function of each command, under the heading that `holdfast --help` shows it with.
_PANELS = {
    "Run the server": {
        "serve": "serve.serve",
        "migrate": "migrate.migrate",
        "janitor": "janitor.janitor",
        "doctor": "doctor.doctor",
        "health": "health.health",
    },
    "Look at what is kept": {
        "sessions": "sessions.sessions",
        "history": "history.history",
        "tail": "history.tail",
        "tasks": "tasks.tasks",
        "runs": "runs.runs",
        "plans": "plans.plans",
        "memories": "memories.memories",
        "documents": "documents.documents",
    },
    "Decide": {
        "approvals": "approvals.approvals",
        "approve": "approvals.approve",
        "reject": "approvals.reject",
    },
    "Bring in and take out": {
        "import": "import_.import_",
        "export": "export.export",
        "sync": "sync.sync",
    },
}
_MARKUP: Final = "markdown"


class _Commands(TyperGroup):
    """Commands that are made when they are asked for: to load them all takes longer than most of them run."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for functions in _PANELS.values() for name in functions]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = self.list_commands(ctx)
        # For an unknown one all of them, among which the nearest is found.
        for name in [cmd_name] if cmd_name in known else known:
            if name not in self.commands:
                self.add_command(_make(name))
        return super().get_command(ctx, cmd_name)


def _make(name: str) -> Any:
    panel, path = next((panel, functions[name]) for panel, functions in _PANELS.items() if name in functions)
    module, _, function = path.partition(".")
    alone = typer.Typer(rich_markup_mode=_MARKUP, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name, rich_help_panel=panel)(
        getattr(import_module(f"holdfastdb_server.cli.commands.{module}"), function)
    )
    return get_command(alone)


app = typer.Typer(
    name="holdfast",
    cls=_Commands,
    help="Durable memory for AI agents: run the server, and look at what it keeps.",
    epilog="Begin with `holdfast serve`, then `holdfast sessions` in another terminal.",
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
    """Durable memory for AI agents: run the server, and look at what it keeps."""


def main() -> None:
    """Run the command line."""
    app()
