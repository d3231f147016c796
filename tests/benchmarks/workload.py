"""Load through the Python client, in a process of its own, spread over sessions `s-0` to `s-N`.

`python -m tests.benchmarks.workload TARGET OPERATION --calls=N` makes them at full speed; with --rate and
--seconds instead it makes as many calls a second, each timed from when it was due.
Prints a Load as JSON. Nothing is retried: a call that fails ends the program with its error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import holdfastdb
from tests.benchmarks.load import Load, summarize

TASK_KIND = "bench"
TEXT = "x" * 150
TAIL_EVENTS = 10


class Operations:
    """What one call does: each method is one, chosen by its name."""

    def __init__(self, client: holdfastdb.AsyncClient, sessions: int) -> None:
        self._client = client
        self._sessions = sessions

    def _session_id(self) -> str:
        return f"s-{random.randrange(self._sessions)}"

    async def append(self) -> None:
        """Append one event."""
        await self._client.history.append(
            self._session_id(), holdfastdb.Event.of("note", TEXT, actor="agent")
        )

    async def load(self) -> None:
        """Load a state."""
        await self._client.states.load(self._session_id())

    async def save(self) -> None:
        """Save a state."""
        await self._client.states.save(self._session_id(), TEXT)

    async def list(self) -> None:
        """List the newest 100 events."""
        await self._client.history.list(self._session_id(), order="descending", page_size=100).page()

    async def tail(self) -> None:
        """Open a tail, take what it begins with, and close it."""
        left = TAIL_EVENTS
        async with self._client.history.tail(self._session_id(), 100 - TAIL_EVENTS) as tail:
            async for _ in tail:
                left -= 1
                if not left:
                    break

    async def claim(self) -> None:
        """Claim a task and finish it."""
        lease = await self._client.tasks.claim(kinds=[TASK_KIND], worker_id="bench")
        if lease is None:
            raise RuntimeError("no task is left to claim")
        await lease.succeed()

    async def mixed(self) -> None:
        """Do one of what agents do: half of it appends."""
        choices = (self.append, self.load, self.save, self.list)
        await random.choices(choices, (50, 25, 20, 5))[0]()


async def at_full_speed(call: Callable[[], Awaitable[None]], calls: int, in_flight: int) -> Load:
    """Make so many calls, so many at a time."""
    times: list[float] = []

    async def one() -> None:
        for _ in range(calls // in_flight):
            began = time.perf_counter()
            await call()
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(in_flight)))
    return summarize(times, time.perf_counter() - began)


async def at_a_rate(call: Callable[[], Awaitable[None]], rate: float, seconds: float, in_flight: int) -> Load:
    """Make so many calls a second. A late call's time counts from when it was due."""
    times: list[float] = []
    began = time.perf_counter()

    async def one(number: int) -> None:
        due = began + number / rate
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await call()
            times.append(time.perf_counter() - due)
            due += in_flight / rate

    await asyncio.gather(*(one(number) for number in range(in_flight)))
    return summarize(times, time.perf_counter() - began)


async def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.workload")
    parser.add_argument("target")
    parser.add_argument("operation")
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--sessions", type=int, default=1)
    given = parser.parse_args()
    options = (("grpc.enable_retries", 0),)
    async with holdfastdb.connect(given.target, timeout=60, options=options) as client:
        call = getattr(Operations(client, given.sessions), given.operation)
        if given.calls:
            load = await at_full_speed(call, given.calls, given.in_flight)
        else:
            load = await at_a_rate(call, given.rate, given.seconds, given.in_flight)
    json.dump(asdict(load), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
