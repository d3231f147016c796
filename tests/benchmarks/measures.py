"""What is measured. Each measure yields its row; rounds alternate between ours and the reference."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history
from holdfastdb.v1 import session_service_pb2 as sessions
from tests.benchmarks.load import Load, drive, missing
from tests.benchmarks.pgbench import transactions_a_second
from tests.benchmarks.report import Line, Row, Skipped, median, percentile_99
from tests.benchmarks.rounds import MIN_ROUNDS, alternate
from tests.benchmarks.stage import Stage
from tests.support.databases import sqlite_url
from tests.support.processes import resident_bytes
from tests.support.servers import ServerProcess

APPEND = "/holdfastdb.v1.HistoryService/AppendEvents"
BATCH_APPEND = "/holdfastdb.v1.HistoryService/BatchAppendEvents"
GET_SESSION = "/holdfastdb.v1.SessionService/GetSession"
SAVE_STATE = "/holdfastdb.v1.SessionService/SaveState"
LOAD_STATE = "/holdfastdb.v1.SessionService/LoadState"
IN_FLIGHT = 64
_BATCH = 16
_KILOBYTE = '"' + "x" * 1_000 + '"'


def append_request(session_id: str, events: int = 1) -> history.AppendEventsRequest:
    """Return an append of events of 1 KB each."""
    request = history.AppendEventsRequest(session_id=session_id)
    for _ in range(events):
        request.events.add(type="tool.finished", actor="agent").payload.json = _KILOBYTE
    return request


async def _check_written(stage: Stage, before: int, driven: int) -> None:
    """Raise RuntimeError unless as many events came as appends were answered: h2load sees no status."""
    written = await stage.count("events") - before
    if written != driven:
        raise RuntimeError(f"{driven} appends were answered and {written} events are there")


async def append_rate(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Durable appends of 1 KB against a server that does nothing, and one that commits each."""
    if reason := missing():
        return [Skipped("append 1 KB, 64 in flight", reason)]
    await stage.client.sessions.create("bench-0")
    request = append_request("bench-0")
    before = await stage.count("events")
    driven = 0

    async def ours() -> float:
        nonlocal driven
        driven += calls
        return (await drive(stage.server.target, APPEND, request, calls, IN_FLIGHT)).rate

    async def bare() -> float:
        return (await drive(stage.bare, APPEND, request, calls, IN_FLIGHT)).rate

    async def each() -> float:
        return (await drive(stage.per_request, APPEND, request, calls // 8, IN_FLIGHT)).rate

    rate, bare_rate = await alternate(rounds, ours, bare)
    rate_again, each_rate = await alternate(rounds, ours, each)
    await _check_written(stage, before, driven)
    name = "append 1 KB, 64 in flight, Postgres"
    return [
        Row(name, "calls/s", rate, "bare grpc.aio server", bare_rate, 0.75, "at least"),
        Row(name, "calls/s", rate_again, "SQLAlchemy commit per request", each_rate, 3, "at least"),
    ]


async def batch_rate(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Durable appends of 1 KB, as many a call as the Python client sends, against one a call."""
    name = f"append 1 KB, {_BATCH} a call, {IN_FLIGHT} calls in flight"
    if reason := missing():
        return [Skipped(name, reason)]
    names = [f"bench-batch-{number}" for number in range(_BATCH)]
    for session_id in names:
        await stage.client.sessions.create(session_id)
    batch = history.BatchAppendEventsRequest(requests=map(append_request, names))
    before = await stage.count("events")
    driven = 0

    async def together() -> float:
        nonlocal driven
        batches = max(calls // _BATCH, 2 * IN_FLIGHT)
        driven += batches * _BATCH
        return _BATCH * (await drive(stage.server.target, BATCH_APPEND, batch, batches, IN_FLIGHT)).rate

    async def alone() -> float:
        nonlocal driven
        driven += calls
        return (await drive(stage.server.target, APPEND, append_request(names[0]), calls, IN_FLIGHT)).rate

    mine, theirs = await alternate(rounds, together, alone)
    await _check_written(stage, before, driven)
    return [Row(name, "appends/s", mine, "one a call", theirs)]


async def append_rows(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Rows of appends of 100 events against pgbench's single-row inserts."""
    name = "100 events a request, rows"
    if reason := missing():
        return [Skipped(name, reason)]
    await stage.client.sessions.create("bench-100")
    request = append_request("bench-100", 100)
    connection = await asyncpg.connect(stage.database_url)
    await connection.execute("CREATE TABLE pgbench_events (id bigserial PRIMARY KEY, body json)")
    await connection.close()
    script = f"INSERT INTO pgbench_events (body) VALUES ('{_KILOBYTE}');\n"
    requests = max(calls // 50, 64)

    async def ours() -> float:
        return 100 * (await drive(stage.server.target, APPEND, request, requests, 16)).rate

    async def pgbench() -> float:
        return await transactions_a_second(stage, stage.database_url, script, calls)

    mine, theirs = await alternate(rounds, ours, pgbench)
    return [Row(name, "rows/s", mine, "pgbench, one row an insert", theirs, 1.5, "at least")]


async def point_reads(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """GetSession and LoadState against the bare server."""
    if reason := missing():
        return [Skipped("GetSession and LoadState, 64 in flight", reason)]
    await stage.client.sessions.create("bench-read")
    await stage.client.states.save("bench-read", "x" * 1_000)
    rows: list[Line] = []
    for name, method, request in (
        ("GetSession", GET_SESSION, sessions.GetSessionRequest(session_id="bench-read")),
        ("LoadState 1 KB", LOAD_STATE, sessions.LoadStateRequest(session_id="bench-read")),
    ):

        async def rate(target: str, method: str = method, request: object = request) -> float:
            return (await drive(target, method, request, calls, IN_FLIGHT)).rate

        mine, theirs = await alternate(rounds, lambda: rate(stage.server.target), lambda: rate(stage.bare))
        rows.append(
            Row(f"{name}, 64 in flight", "calls/s", mine, "bare grpc.aio server", theirs, 0.75, "at least")
        )
    return rows


async def save_rate(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Durable saves of 1 KB under one key, 64 in flight and one at a time, against the bare server."""
    if reason := missing():
        return [Skipped("SaveState 1 KB, 64 in flight", reason)]
    await stage.client.sessions.create("bench-save")
    request = sessions.SaveStateRequest(session_id="bench-save")
    request.writes.add(key="k").payload.json = _KILOBYTE
    driven = 0

    async def ours(calls: int, in_flight: int) -> Load:
        nonlocal driven
        driven += calls
        return await drive(stage.server.target, SAVE_STATE, request, calls, in_flight)

    async def bare(calls: int, in_flight: int) -> Load:
        return await drive(stage.bare, SAVE_STATE, request, calls, in_flight)

    async def rate(of: Callable[[int, int], Awaitable[Load]]) -> float:
        return (await of(calls, IN_FLIGHT)).rate

    async def time_of_one(of: Callable[[int, int], Awaitable[Load]]) -> float:
        return (await of(max(calls // 20, 200), 1)).p50

    rates = await alternate(rounds, lambda: rate(ours), lambda: rate(bare))
    times = await alternate(rounds, lambda: time_of_one(ours), lambda: time_of_one(bare))
    version = (await stage.client.states.load("bench-save", key="k")).version
    if version != driven:
        raise RuntimeError(f"{driven} saves were answered and {version} versions were made")
    return [
        Row("SaveState 1 KB, 64 in flight", "calls/s", rates[0], "bare grpc.aio server", rates[1]),
        Row("SaveState 1 KB, one at a time, p50", "ms", times[0], "bare call", times[1]),
    ]


async def one_at_a_time(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """The median time of an append with nothing beside it, against a bare call and a bare commit."""
    name = "append 1 KB, one at a time, p50"
    if reason := missing():
        return [Skipped(name, reason)]
    await stage.client.sessions.create("bench-one")
    request = append_request("bench-one")
    few = max(calls // 20, 200)
    connection = await asyncpg.connect(stage.database_url)
    await connection.execute("CREATE TABLE bare_events (id bigserial PRIMARY KEY, body json)")

    async def ours() -> float:
        return (await drive(stage.server.target, APPEND, request, few, 1)).p50

    async def reference() -> float:
        call: Load = await drive(stage.bare, APPEND, request, few, 1)
        times = []
        for _ in range(few):
            began = time.perf_counter()
            await connection.execute("INSERT INTO bare_events (body) VALUES ($1)", _KILOBYTE)
            times.append(1000 * (time.perf_counter() - began))
        return call.p50 + median(times)

    mine, theirs = await alternate(rounds, ours, reference)
    await connection.close()
    return [Row(name, "ms", mine, "bare call + asyncpg commit", theirs, 1.5, "at most")]


async def save_and_load(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """The 99th percentile of saves and loads through the Python client."""
    await stage.client.sessions.create("bench-state")
    slowest = []
    for _ in range(max(rounds, MIN_ROUNDS)):
        times: list[float] = []

        async def one(worker: int, times: list[float] = times) -> None:
            for turn in range(max(calls // 640, 10)):
                began = time.perf_counter()
                await stage.client.states.save("bench-state", {"turn": turn}, key=f"worker-{worker}")
                middle = time.perf_counter()
                await stage.client.states.load("bench-state", key=f"worker-{worker}")
                times.extend((middle - began, time.perf_counter() - middle))

        await asyncio.gather(*(one(worker) for worker in range(32)))
        slowest.append(1000 * percentile_99(times))
    return [Row("state save and load, 32 in flight, p99", "ms", median(slowest), "", 50, 1, "at most")]


async def tail_delivery(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """From the answer of an append on one server to its arrival in a tail on another."""
    await stage.client.sessions.create("bench-tail")
    delays = []
    async with holdfastdb.connect(stage.second_server.target) as other:
        tail = other.history.tail("bench-tail")
        async with tail:
            events = aiter(tail)
            for turn in range(max(calls // 50, 100)):
                event = holdfastdb.Event.of("ping", turn)
                receive = asyncio.ensure_future(anext(events))
                await stage.client.history.append("bench-tail", event)
                began = time.perf_counter()
                await asyncio.wait_for(receive, 10)
                delays.append(1000 * max(0.0, time.perf_counter() - began))
    name = "commit to delivery on another server, p50"
    return [Row(name, "ms", median(delays), "", 10, 1, "at most")]


async def start_up(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """From `holdfast serve` to its first answer on SQLite, and what it then holds in memory."""
    times, sizes = [], []
    for turn in range(max(rounds, MIN_ROUNDS) + 1):
        server = ServerProcess(
            stage.directory,
            sqlite_url(stage.directory / f"start-{turn}.db"),
            environment={"PYTHONDONTWRITEBYTECODE": ""},  # compiled once, as by an installation
        )
        began = time.perf_counter()
        # It asks often: a client that came too early would rest before it comes again.
        await server.start()
        async with holdfastdb.connect(server.target) as client:
            await client.sessions.create("first")
            times.append(time.perf_counter() - began)
        sizes.append(resident_bytes(server.pid) / 1e6)
        await server.stop()
    return [
        Row("holdfast serve to first answer, SQLite", "s", median(times[1:]), "", 1.5, 1, "at most"),
        Row("resident memory after it", "MB", median(sizes), "", 120, 1, "at most"),
    ]


MEASURES = {
    "append": append_rate,
    "batch": batch_rate,
    "rows": append_rows,
    "reads": point_reads,
    "saves": save_rate,
    "single": one_at_a_time,
    "states": save_and_load,
    "tail": tail_delivery,
    "start": start_up,
}
