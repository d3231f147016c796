"""The `holdfast` command line. Each family of commands has a file; they load what is heavy when they run.

Exit codes: 0 done, 1 failed, 2 wrong usage or a bad setting.
"""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast_server.cli.approvals import approvals, approve, reject
from holdfast_server.cli.doctor import doctor
from holdfast_server.cli.documents import documents
from holdfast_server.cli.exporting import export
from holdfast_server.cli.health import health
from holdfast_server.cli.history import history, tail
from holdfast_server.cli.importing import import_
from holdfast_server.cli.janitor import janitor
from holdfast_server.cli.memories import memories
from holdfast_server.cli.migrate import migrate
from holdfast_server.cli.plans import plans
from holdfast_server.cli.runs import runs
from holdfast_server.cli.serve import serve
from holdfast_server.cli.sessions import sessions
from holdfast_server.cli.syncing import sync
from holdfast_server.cli.tasks import tasks

_RUN = "Run the server"
_LOOK = "Look at what is kept"
_DECIDE = "Decide"
_MOVE = "Bring in and take out"

app = typer.Typer(
    name="holdfast",
    help="Durable memory for AI agents: run the server, and look at what it keeps.",
    epilog="Begin with `holdfast serve`, then `holdfast sessions` in another terminal.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _panel, _commands in (
    (_RUN, (serve, migrate, janitor, doctor, health)),
    (_LOOK, (sessions, history, tail, tasks, runs, plans, memories, documents)),
    (_DECIDE, (approvals, approve, reject)),
    (_MOVE, (export, sync)),
):
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.command("import", rich_help_panel=_MOVE)(import_)


def _print_version(wanted: bool) -> None:
    if wanted:
        from holdfast_server.cli.about import release

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
