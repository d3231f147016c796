"""`holdfast export`: write sessions as chat transcripts, one a line."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import USAGE, Server, call, fail
from holdfastdb_server.domain.sessions import SessionStatus

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, Session

_READ_AHEAD = 4


def export(
    sessions: Annotated[
        list[str] | None,
        typer.Argument(metavar="SESSION", help="The ids of the sessions.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write to this file instead of stdout: complete, or not at all.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sessions of the namespace.")] = False,
    user: options.User = "",
    agent: options.Agent = "",
    status: Annotated[list[SessionStatus] | None, options.with_status(SessionStatus)] = None,
    label: options.Label = None,
    metadata: options.Metadata = None,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Write sessions as JSON Lines with "messages" in OpenAI's format, the oldest session first.

    An imported session is written as the line it was imported from. Of other sessions only the messages are
    written; stderr says how many other events were left out.

    Example: holdfast export --user u-1 --out transcripts.jsonl

    Exits with 1 if there is no such session or the server failed, with 2 for wrong usage.
    """
    filters: dict[str, Any] = {
        "user_id": user,
        "agent_id": agent,
        "statuses": [one.value for one in status or ()],
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    is_filtered = any(filters.values())
    if bool(sessions) + every + is_filtered != 1:
        raise typer.BadParameter("name the sessions by their ids, --all, or filters such as --user")
    with _output(out) as stream:
        tally = call(
            Server(target, namespace, token, tls), lambda client: _export(client, sessions, filters, stream)
        )
    line = f"{tally.sessions:,} sessions with {tally.messages:,} messages"
    if tally.left_out:
        line += f"; {tally.left_out:,} events other than messages are left out"
    typer.secho(line, err=True, dim=True)


@dataclass(slots=True)
class _Tally:
    sessions: int = 0
    messages: int = 0
    left_out: int = 0


async def _export(
    client: AsyncClient, sessions: list[str] | None, filters: dict[str, Any], stream: BinaryIO
) -> _Tally:
    tally = _Tally()
    coming: deque[asyncio.Task[tuple[bytes, int, int]]] = deque()

    async def write_next() -> None:
        line, messages, left_out = await coming.popleft()
        await asyncio.to_thread(stream.write, line)
        tally.sessions += 1
        tally.messages += messages
        tally.left_out += left_out

    async with asyncio.TaskGroup() as tasks:
        async for session in _chosen(client, sessions, filters):
            coming.append(tasks.create_task(_line(client, session)))
            if len(coming) == _READ_AHEAD:
                await write_next()
        while coming:
            await write_next()
    stream.flush()
    return tally


async def _chosen(
    client: AsyncClient, sessions: list[str] | None, filters: dict[str, Any]
) -> AsyncIterator[Session]:
    if sessions:
        for session_id in sessions:
            yield await client.sessions.get(session_id)
    else:
        async for session in client.sessions.list(**filters, order="ascending", page_size=100):
            yield session


async def _line(client: AsyncClient, session: Session) -> tuple[bytes, int, int]:
    from holdfastdb_server.cli.transcripts.lines import write_line

    events = [event async for event in client.history.list(session.session_id, page_size=1_000)]
    line, messages, left_out = write_line(session, events)
    return line.encode() + b"\n", messages, left_out


@contextmanager
def _output(out: Path | None) -> Iterator[BinaryIO]:
    """Stdout, or a file that gets its name when it is complete."""
    if out is None:
        yield sys.stdout.buffer
        return
    file = out.resolve()  # not a link to it
    # A device or a pipe cannot be replaced by a renamed file: it is written to directly.
    part = file if file.exists() and not file.is_file() else file.with_name(f".{file.name}.part")
    try:
        stream = part.open("wb")
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}", USAGE)
    try:
        with stream:
            yield stream
        part.replace(file)
    finally:
        if part != file:
            part.unlink(missing_ok=True)
