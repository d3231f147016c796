"""Whether memory and latency stay stable: minutes of mixed load at half the top rate, and many open tails."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import holdfastdb
from tests.benchmarks.load import drive_client
from tests.benchmarks.report import Figure, Line, Row, median
from tests.benchmarks.stage import Stage
from tests.support.processes import resident_bytes

_TAILS = 1_000
_SAMPLES = 100
_WARM_UP_CALLS = 8_000
_IN_FLIGHT = 32


async def soak(stage: Stage, rounds: int, calls: int, minutes: float) -> list[Line]:
    """Memory at the end against that after a fifth of the time, and the 99th percentile of the calls.

    No call may fail: none is repeated. Each event must come to its tail.
    """
    async with asyncio.TaskGroup() as group:
        for worker in range(_IN_FLIGHT):
            group.create_task(_prepare(stage.client, range(worker, _TAILS, _IN_FLIGHT)))
    before = await stage.count("events WHERE type = 'note'")
    async with _tails(stage.server.target) as tails:
        target = stage.server.target
        top = await drive_client(target, "mixed", calls=_WARM_UP_CALLS, in_flight=_IN_FLIGHT, sessions=_TAILS)
        seconds = 60 * minutes
        sampling = asyncio.ensure_future(_sample(stage.server.pid, seconds))
        load = await drive_client(
            target, "mixed", rate=top.rate / 2, seconds=seconds, in_flight=_IN_FLIGHT, sessions=_TAILS
        )
        sizes = await sampling
        written = await stage.count("events WHERE type = 'note'") - before
        received = await _received(tails, written)
    if received != written:
        raise RuntimeError(f"{written} events were written, and {received} came to the tails")
    fifth = len(sizes) // 5
    name = f"soak of {minutes:g} min, {_TAILS:,} tails"
    return [
        Figure(f"{name}: mixed calls, half of {top.rate:,.0f}", "calls/s", load.rate),
        Figure(f"{name}: p50", "ms", load.p50),
        Figure(f"{name}: p99", "ms", load.p99),
        Figure(f"{name}: events that came to their tails, all of them", "events", received),
        Row(
            f"{name}: resident memory",
            "MB",
            median(sizes[-fifth:]),
            "after a fifth of the time",
            median(sizes[fifth : 2 * fifth]),
            1.1,
            "at most",
        ),
    ]


async def _prepare(client: holdfastdb.AsyncClient, places: range) -> None:
    for place in places:
        await client.sessions.create(f"s-{place}")
        await client.states.save(f"s-{place}", 0)


@contextlib.asynccontextmanager
async def _tails(target: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.benchmarks.tails", target, str(_TAILS)]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        if await process.stdout.readline() != b"open\n":
            raise RuntimeError("the tails were not opened")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _received(tails: asyncio.subprocess.Process, expected: int) -> int:
    """Return how many events came to the tails, once so many did, or none came for long."""
    assert tails.stdin is not None
    assert tails.stdout is not None
    tails.stdin.write(f"{expected}\n".encode())
    return int(await tails.stdout.readline())


async def _sample(pid: int, seconds: float) -> list[float]:
    """Return the memory of a process in MB, in the course of so many seconds."""
    sizes = []
    for _ in range(_SAMPLES):
        await asyncio.sleep(seconds / _SAMPLES)
        sizes.append(resident_bytes(pid) / 1e6)
    return sizes
