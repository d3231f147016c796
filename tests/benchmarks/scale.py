"""Whether a database that is full is as fast as one that is nearly empty, and how it is kept so."""

from __future__ import annotations

import contextlib
import time

import asyncpg

from tests.benchmarks.deletion import beside_deletion
from tests.benchmarks.report import Figure, Line, Row
from tests.benchmarks.rounds import alternate
from tests.benchmarks.seeds import EVENTS_A_SESSION, Seeded, seeded
from tests.benchmarks.stage import Stage, connected

# Appends last: the sessions are alike until then.
_OPERATIONS = ("load", "list", "tail", "claim", "append")
_SMALL = 100
"""How many times fewer sessions the nearly empty database has."""
_INDEXES = """
    SELECT relname, pg_relation_size(oid) / 1e6 FROM pg_class
    WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 10e6
    ORDER BY 2 DESC
"""
_TABLE = "SELECT pg_table_size('events') / 1e6"
_HEAP_ONLY = """
    SELECT 100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0) FROM pg_stat_user_tables WHERE relname = $1
"""


async def scale(stage: Stage, rounds: int, calls: int, sessions: int) -> list[Line]:
    """Each operation on a full database against a nearly empty one, then what deletion costs the writers."""
    many, few = calls // 12, calls // 60
    pending = (max(rounds, 2) + 1) * (many + few)
    async with contextlib.AsyncExitStack() as stack:
        began = time.perf_counter()
        full = await stack.enter_async_context(seeded(stage, "full", sessions, pending))
        seconds = time.perf_counter() - began
        small = await stack.enter_async_context(seeded(stage, "small", sessions // _SMALL, pending))
        size = f"{sessions * EVENTS_A_SESSION:,} events"
        lines: list[Line] = [Figure(f"seeding {size} in {sessions:,} sessions", "s", seconds)]
        for operation in _OPERATIONS:
            lines += await _compare(operation, full, small, rounds, many, few)
        lines += await _sizes(full.url)
        lines += await beside_deletion(full, many)
    return lines


async def _compare(
    operation: str, full: Seeded, small: Seeded, rounds: int, many: int, few: int
) -> list[Line]:
    async def rate(database: Seeded) -> float:
        return (await database.drive(operation, many, 32)).rate

    async def p50(database: Seeded) -> float:
        return (await database.drive(operation, few, 1)).p50

    name = f"{operation} on {full.sessions * EVENTS_A_SESSION:,} events"
    reference = f"on {small.sessions * EVENTS_A_SESSION:,}"
    mine, theirs = await alternate(rounds, lambda: rate(full), lambda: rate(small))
    my_time, their_time = await alternate(rounds, lambda: p50(full), lambda: p50(small))
    return [
        Row(f"{name}, 32 in flight", "calls/s", mine, reference, theirs, 0.8, "at least"),
        Row(f"{name}, one at a time, p50", "ms", my_time, reference, their_time, 1.25, "at most"),
    ]


async def _sizes(url: str) -> list[Line]:
    """Return the sizes of tables and indexes, and how many updates of sessions needed no index entry."""
    async with connected(url) as connection:
        lines: list[Line] = [Figure("size of the table events", "MB", await connection.fetchval(_TABLE))]
        for name, size in await connection.fetch(_INDEXES):
            lines.append(Figure(f"size of the index {name}", "MB", size))
        hot = await heap_only_updates(connection, "sessions")
        lines.append(Figure("updates of sessions that were heap-only", "%", hot))
    return lines


async def heap_only_updates(connection: asyncpg.Connection, table: str) -> float:
    """Return how many of a table's updates needed no index entry, in percent."""
    return float(await connection.fetchval(_HEAP_ONLY, table) or 0)
