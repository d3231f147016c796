"""`holdfast tail`: print the events of a session as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfastdb_server.cli import event_options, options
from holdfastdb_server.cli.invocation import Server, call

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


def tail(
    session: event_options.SessionId,
    last: Annotated[
        int, typer.Option("--last", metavar="N", min=0, help="Begin with about the newest N events.")
    ] = 10,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Print only new events.")] = False,
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
    """Print the events of a session as they come, until Ctrl-C. Reconnects after a lost connection.

    Example: holdfast tail order-42 --new --type 'tool.*'

    Exits with 0 on Ctrl-C, with 1 if there is no such session or it is deleted, with 2 for wrong usage.
    """
    if from_start and new:
        raise typer.BadParameter("give one of --from-start and --new", param_hint="--new")
    filters = event_options.filters(types, kinds, actor, run, label)

    async def follow(client: AsyncClient) -> None:
        show_one = event_options.printer(as_json, full)
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
