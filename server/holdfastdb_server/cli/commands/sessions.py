"""`holdfast sessions`: list sessions, or show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call
from holdfastdb_server.domain.sessions import SessionStatus

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


def sessions(
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Show this session with all its fields.")
    ] = None,
    user: options.User = "",
    agent: options.Agent = "",
    status: Annotated[list[SessionStatus] | None, options.with_status(SessionStatus)] = None,
    label: options.Label = None,
    metadata: options.Metadata = None,
    limit: lists.Limit = 20,
    every: lists.Every = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """List sessions, the newest first, or show one.

    Example: holdfast sessions --status active --label team=support

    Exits with 1 if there is no such session or no server replies, with 2 for wrong usage.
    """
    server = Server(target, namespace, token, tls)
    if session is not None:
        found = call(server, lambda client: client.sessions.get(session))
        if as_json:
            from holdfastdb_server.cli.views.as_json import write

            write(found)
        else:
            from holdfastdb_server.cli.views.sessions import print_session

            print_session(found)
        return
    filters = {
        "user_id": user,
        "agent_id": agent,
        "statuses": [one.value for one in status or ()],
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    call(server, lambda client: _list(client, filters, None if every else limit, as_json))


async def _list(client: AsyncClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> None:
    pager = client.sessions.list(**filters, page_size=lists.page_size(limit), include_total_size=not as_json)
    found, total = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.sessions import print_sessions

        print_sessions(found, total, any(filters.values()))
