"""`holdfast history` and `holdfast tail`: what happened in a session, and what happens."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import Server, call

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, Event


class Kind(StrEnum):
    """What an event's body is. Repeated from the client, which is too slow to load for `--help`."""

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
        help="Only events of this type; `tool.*` for all that begin so. May be repeated.",
    ),
]
Kinds = Annotated[
    list[Kind] | None, typer.Option("--kind", help="Only events with this kind of body. May be repeated.")
]
Actor = Annotated[str, typer.Option("--actor", metavar="NAME", help="Only what this one did.")]
Run = Annotated[str, typer.Option("--run", metavar="ID", help="Only events of this run.")]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Only with this label. May be repeated."),
]
Full = Annotated[bool, typer.Option("--full", help="Shorten nothing.")]


def history(
    session: SessionId,
    last: Annotated[int | None, typer.Option("--last", metavar="N", min=1, help="Only the newest N.")] = None,
    after: Annotated[
        int, typer.Option("--after", metavar="SEQUENCE", min=0, help="Only what follows this one.")
    ] = 0,
    before: Annotated[
        int | None,
        typer.Option("--before", metavar="SEQUENCE", min=1, help="Only what comes before this one."),
    ] = None,
    types: Types = None,
    kinds: Kinds = None,
    actor: Actor = "",
    run: Run = "",
    label: Label = None,
    full: Full = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Print what happened in a session, oldest first.

    Example: holdfast history order-42 --last 20 --kind message

    Exits with 1 if the session is not there or no server answers, with 2 for wrong usage.
    """
    filters = _filters(types, kinds, actor, run, label)

    async def show(client: AsyncClient) -> None:
        bounds: dict[str, Any] = {"after_sequence": after, "before_sequence": before or 0}
        show_one = _printer(as_json, full)
        count = 0
        if last is None:
            async for event in client.history.list(session, **bounds, **filters):
                show_one(event)
                count += 1
        else:
            newest = client.history.list(
                session, order="descending", page_size=min(last, 1_000), **bounds, **filters
            )
            for event in reversed(await _first(newest.__aiter__(), last)):
                show_one(event)
                count += 1
        if not count and not as_json:
            is_filtered = any(filters.values()) or after or before
            typer.echo(
                "No event is like that." if is_filtered else "Nothing has happened in this session yet."
            )

    call(Server(target, namespace, token, tls), show)


def tail(
    session: SessionId,
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=0, help="Begin with about the newest N.")
    ] = 10,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Show only what comes.")] = False,
    types: Types = None,
    kinds: Kinds = None,
    actor: Actor = "",
    run: Run = "",
    label: Label = None,
    full: Full = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Follow what happens in a session, live, until Ctrl-C. A lost connection is made again.

    Example: holdfast tail order-42 --new --type 'tool.*'

    Exits with 0 on Ctrl-C, with 1 if the session is not there or is deleted, with 2 for wrong usage.
    """
    if from_start and new:
        raise typer.BadParameter("give one of --from-start and --new", param_hint="--new")
    filters = _filters(types, kinds, actor, run, label)

    async def follow(client: AsyncClient) -> None:
        show_one = _printer(as_json, full)
        after = 0
        if not from_start and not new:
            after = max(0, (await client.sessions.get(session)).last_sequence - last)
        async with client.history.tail(session, after, only_new=new, **filters) as events:
            if not as_json:
                async for event in events.backlog():
                    show_one(event)
                typer.secho("… waiting for events; Ctrl-C ends", dim=True, err=True)
            async for event in events:
                show_one(event)

    try:
        call(Server(target, namespace, token, tls), follow)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _filters(
    types: list[str] | None, kinds: list[Kind] | None, actor: str, run: str, label: list[str] | None
) -> dict[str, Any]:
    """Only what is given: a condition that is there counts, also when it is empty."""
    given = {
        "types": types,
        "kinds": [kind.value for kind in kinds or ()],
        "actor": actor,
        "run_id": run,
        "labels": options.pairs("--label", label),
    }
    return {name: value for name, value in given.items() if value}


def _printer(as_json: bool, full: bool) -> Callable[[Event], None]:
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        return write
    from holdfastdb_server.cli.views import formatting
    from holdfastdb_server.cli.views.events import EventPrinter

    return EventPrinter(formatting.console(), full).print


async def _first(events: Any, count: int) -> list[Event]:
    found: list[Event] = []
    async for event in events:
        found.append(event)
        if len(found) == count:
            break
    return found
