"""What `holdfast history` and `holdfast tail` share: the filters, and how an event is printed."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import options

if TYPE_CHECKING:
    from holdfastdb import Event


class Kind(StrEnum):
    """The kinds of body, as the client names them: to load its own enum for `--help` would take 0.3 s."""

    MESSAGE = "message"
    STEP = "step"
    PAYLOAD = "payload"
    EMPTY = "empty"


SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.", show_default=False)]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        help="Only events of this type, or with this prefix: `tool.*`. May be repeated.",
    ),
]
Kinds = Annotated[
    list[Kind] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only events with this body: message, step, payload or empty. May be repeated.",
    ),
]
Actor = Annotated[str, typer.Option("--actor", metavar="NAME", help="Only events of this actor.")]
Run = Annotated[str, typer.Option("--run", metavar="ID", help="Only events of this run.")]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label", metavar="KEY=VALUE", help="Only with this label. May be repeated: all must match."
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Print long texts whole.")]


def filters(
    types: list[str] | None, kinds: list[Kind] | None, actor: str, run: str, label: list[str] | None
) -> dict[str, Any]:
    """The filters that were given: the server would apply an empty one too."""
    given = {
        "types": types,
        "kinds": [kind.value for kind in kinds or ()],
        "actor": actor,
        "run_id": run,
        "labels": options.pairs("--label", label),
    }
    return {name: value for name, value in given.items() if value}


def printer(as_json: bool, full: bool) -> Callable[[Event], None]:
    """The function that prints an event, for people or as JSON."""
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        return write
    from holdfastdb_server.cli.views import formatting
    from holdfastdb_server.cli.views.events import EventPrinter

    return EventPrinter(formatting.console(), full).print
