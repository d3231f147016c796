"""What one SQLite file gives. There is nothing to compare it with: these are figures."""

from __future__ import annotations

import asyncio
import contextlib

import holdfastdb
from holdfastdb.v1 import session_service_pb2 as sessions
from tests.benchmarks.load import drive, drive_client, missing
from tests.benchmarks.measures import APPEND, GET_SESSION, IN_FLIGHT, LOAD_STATE, append_request
from tests.benchmarks.report import Figure, Line, Skipped, median
from tests.benchmarks.rounds import MIN_ROUNDS
from tests.benchmarks.stage import Stage
from tests.support.databases import sqlite_url
from tests.support.servers import ServerProcess

_WRITERS = 32


async def on_sqlite(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Appends, reads and single appends on a file, and that 32 writers are never refused."""
    if reason := missing():
        return [Skipped("SQLite", reason)]
    async with contextlib.AsyncExitStack() as stack:
        server = ServerProcess(stage.directory, sqlite_url(stage.directory / "bench.db"))
        stack.push_async_callback(server.stop)
        await server.start()
        async with holdfastdb.connect(server.target) as client:
            await asyncio.gather(*(client.sessions.create(f"s-{number}") for number in range(_WRITERS)))
            await asyncio.gather(*(client.states.save(f"s-{number}", 0) for number in range(_WRITERS)))
            lines = await _through_h2load(client, server.target, rounds, calls // 2)
        lines.append(await _writers(server, calls // 2))
    return lines


async def _through_h2load(client: holdfastdb.AsyncClient, target: str, rounds: int, calls: int) -> list[Line]:
    get = sessions.GetSessionRequest(session_id="s-0")
    load = sessions.LoadStateRequest(session_id="s-0")
    lines: list[Line] = []
    for name, method, request in (
        ("append 1 KB", APPEND, append_request("s-0")),
        ("GetSession", GET_SESSION, get),
        ("LoadState", LOAD_STATE, load),
    ):
        loads = [
            await drive(target, method, request, calls, IN_FLIGHT) for _ in range(max(rounds, MIN_ROUNDS))
        ]
        lines.append(
            Figure(f"SQLite: {name}, {IN_FLIGHT} in flight", "calls/s", median([it.rate for it in loads]))
        )
    few = max(calls // 10, 200)
    alone = await drive(target, APPEND, append_request("s-0"), few, 1)
    page = await client.history.list("s-0", types=["tool.finished"], include_total_size=True).page()
    written, answered = page.total_size, max(rounds, MIN_ROUNDS) * calls + few
    if written != answered:
        raise RuntimeError(f"{answered} appends were answered and {written} events are there")
    lines.append(Figure("SQLite: append 1 KB, one at a time, p50", "ms", alone.p50))
    return lines


async def _writers(server: ServerProcess, calls: int) -> Figure:
    """Run 32 writers and readers on it. Raises RuntimeError if one call fails: none is repeated."""
    load = await drive_client(server.target, "mixed", calls=calls, in_flight=_WRITERS, sessions=_WRITERS)
    if "locked" in server.log:
        raise RuntimeError(f"the server saw a locked database:\n{server.log}")
    return Figure(f"SQLite: {_WRITERS} writers in {_WRITERS} sessions, none refused", "calls/s", load.rate)
