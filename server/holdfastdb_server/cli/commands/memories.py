"""`holdfast memories`: list memories, or search them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


def memories(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORDS", help="Search for these words or their beginnings; best matches first."
        ),
    ] = None,
    every_word: Annotated[bool, typer.Option("--every-word", help="Only memories with all words.")] = False,
    tool: Annotated[str, typer.Option("--tool", metavar="NAME", help="Only about this tool.")] = "",
    agent: Annotated[str, typer.Option("--agent", metavar="ID", help="Only memories of this agent.")] = "",
    user: Annotated[str, typer.Option("--user", metavar="ID", help="Only memories about this user.")] = "",
    session: Annotated[
        str, typer.Option("--session", metavar="ID", help="Only memories from this session.")
    ] = "",
    confidence: Annotated[
        float, typer.Option("--confidence", min=0, max=1, help="Only with at least this confidence.")
    ] = 0.0,
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
    """List memories, the newest first, or search for words. It does not change their use counts.

    Example: holdfast memories search timeout --tool web_search

    Exits with 1 if no server replies, with 2 for wrong usage.
    """
    filters = {
        "tool_name": tool,
        "agent_id": agent,
        "user_id": user,
        "session_id": session,
        "min_confidence": confidence,
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    wanted, at_most = " ".join(query or ()), None if every else limit
    server = Server(target, namespace, token, tls)
    if wanted:
        call(server, lambda client: _search(client, wanted, every_word, filters, at_most, as_json))
    else:
        call(server, lambda client: _list(client, filters, at_most, as_json))


async def _list(client: AsyncClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> None:
    pager = client.memories.list(**filters, page_size=lists.page_size(limit), include_total_size=not as_json)
    found, total = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.memories import print_memories

        print_memories([(memory, None) for memory in found], total, any(filters.values()))


async def _search(
    client: AsyncClient,
    query: str,
    match_all: bool,
    filters: dict[str, Any],
    limit: int | None,
    as_json: bool,
) -> None:
    pager = client.memories.search(query, match_all=match_all, **filters, page_size=lists.page_size(limit))
    found, _ = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.memories import print_memories

        print_memories([(match.memory, match.score) for match in found], len(found), is_filtered=True)
