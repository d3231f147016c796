"""What the deletion of old sessions costs those who write meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time

from tests.benchmarks.load import Load
from tests.benchmarks.programs import output_of
from tests.benchmarks.report import Figure, Line, Row, median
from tests.benchmarks.seeds import DELETED, EVENTS_A_SESSION, Seeded
from tests.benchmarks.stage import connected

_END_LONG_AGO = """
    UPDATE sessions SET status = 'completed', end_time = now() - interval '30 days', expiry_check_time = NULL
    WHERE key > (SELECT max(key) FROM sessions) - $1
"""
_ROUNDS = 3


async def beside_deletion(full: Seeded, calls: int) -> list[Line]:
    """Append while the janitor deletes the last sessions with their events, and before it."""
    number = full.sessions // DELETED
    async with connected(full.url) as connection:
        await connection.execute(_END_LONG_AGO, number, timeout=600)
        alone = [await full.drive("append", calls, 32) for _ in range(_ROUNDS)]
        began = time.perf_counter()
        deletion = asyncio.ensure_future(_sweep(full.url))
        beside: list[Load] = []
        while not deletion.done():
            beside.append(await full.drive("append", calls, 32))
        await deletion
        seconds = time.perf_counter() - began
        left = await connection.fetchval(
            "SELECT count(*) FROM sessions WHERE end_time < now() - '1 day'::interval"
        )
    if left:
        raise RuntimeError(f"{left} sessions were not deleted")
    # Deletion ended within the last.
    beside = beside[:-1] or beside
    rate, rate_alone = (median([load.rate for load in loads]) for loads in (beside, alone))
    slow, slow_alone = (median([load.p99 for load in loads]) for loads in (beside, alone))
    name = f"append beside the deletion of {number * EVENTS_A_SESSION:,} events"
    return [
        Row(f"{name}, 32 in flight", "calls/s", rate, "without the deletion", rate_alone),
        Row(f"{name}, p99", "ms", slow, "without the deletion", slow_alone),
        Figure("events deleted beside the appends", "events/s", number * EVENTS_A_SESSION / seconds),
    ]


async def _sweep(url: str) -> None:
    """Run `holdfast janitor` for sessions that ended more than a day ago."""
    settings = {"HOLDFAST_DATABASE_URL": url, "HOLDFAST_SESSION_PURGE_DAYS": "1"}
    await output_of(sys.executable, "-m", "holdfastdb_server", "janitor", environment=settings)
