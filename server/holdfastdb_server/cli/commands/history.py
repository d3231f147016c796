"""`holdfast history`: print the events of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import event_options, options
from holdfastdb_server.cli.invocation import Server, call

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, Event


def history(
    session: event_options.SessionId,
    last: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, help="Only the newest N events.")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", metavar="SEQUENCE", min=0, help="Only events after this sequence.")
    ] = 0,
    before: Annotated[
        int | None,
        typer.Option("--before", metavar="SEQUENCE", min=1, help="Only events before this sequence."),
    ] = None,
    types: event_options.Types = None,
    kinds: event_options.Kinds = None,
    actor: event_options.Actor = "",
    run: event_options.Run = "",
    label: event_options.Label = None,
    full: event_options.Full = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Print the events of a session, oldest first.

    Example: holdfast history order-42 --last 20 --kind message

    Exits with 1 if there is no such session or no server replies, with 2 for wrong usage.
    """
    filters = event_options.filters(types, kinds, actor, run, label)

    async def show(client: AsyncClient) -> None:
        bounds: dict[str, Any] = {"after_sequence": after, "before_sequence": before or 0}
        show_one = event_options.printer(as_json, full)
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


async def _first(events: Any, count: int) -> list[Event]:
    found: list[Event] = []
    async for event in events:
        found.append(event)
        if len(found) == count:
            break
    return found
