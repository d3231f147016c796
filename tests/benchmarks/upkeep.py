"""Which fill factor the sessions should have, and how often autovacuum should run."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial

from tests.benchmarks.pgbench import transactions_a_second
from tests.benchmarks.report import Figure, Line, Row, median
from tests.benchmarks.rounds import alternate
from tests.benchmarks.scale import heap_only_updates
from tests.benchmarks.seeds import FIRST_KEY, Seeded, seeded
from tests.benchmarks.stage import Stage, connected

_OURS = 70
_OTHERS = (50, 85, 100)
_FILL = """
    CREATE TABLE filled_{factor} (LIKE sessions INCLUDING ALL) WITH (fillfactor = {factor});
    INSERT INTO filled_{factor} OVERRIDING SYSTEM VALUE SELECT * FROM sessions;
"""
# What an append does to its session.
_UPDATE = """\\set session random({first}, {last})
UPDATE filled_{factor} SET last_sequence = last_sequence + 1, last_activity_time = now() WHERE key = :session;
"""
# So few keys that each save soon deletes a version, and its row is dead.
_FEW_SESSIONS = 10
_SLICES = 6
_CHANGING = ("sessions", "states", "state_versions", "requests", "tasks")
_AUTOVACUUM: Mapping[str, str] = {
    "as it is": "",
    "off": "autovacuum_enabled = false",
    "at 1 % dead rows": "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0",
}
# A minute by default: then a measure would end before it begins.
_NAP_SECONDS = 5


async def upkeep(stage: Stage, rounds: int, calls: int, sessions: int) -> list[Line]:
    """Updates of sessions with other fill factors, and saves and claims with other autovacuums."""
    return [
        *await _fill_factors(stage, rounds, calls, sessions),
        *await _autovacuum(stage, rounds, calls),
    ]


async def _fill_factors(stage: Stage, rounds: int, calls: int, sessions: int) -> list[Line]:
    """Return the rates of updates against those with our fill factor, heap-only updates, and sizes."""
    async with seeded(stage, "filled", sessions, 1) as full, connected(full.url) as connection:
        for factor in (_OURS, *_OTHERS):
            await connection.execute(_FILL.format(factor=factor), timeout=3_600)
        await connection.execute("VACUUM (ANALYZE)", timeout=3_600)
        await connection.execute("CHECKPOINT", timeout=3_600)
        lines: list[Line] = []
        # Each session many times: enough for pages to fill.
        updates = max(calls, sessions * 10 // (rounds + 1))
        for factor in _OTHERS:
            mine, theirs = await alternate(
                rounds,
                partial(_updates, stage, full, factor, updates),
                partial(_updates, stage, full, _OURS, updates),
            )
            name = f"updates of {sessions:,} sessions, fill factor {factor}"
            lines.append(Row(name, "a second", mine, f"fill factor {_OURS}", theirs))
        for factor in (_OURS, *_OTHERS):
            table = f"filled_{factor}"
            hot = await heap_only_updates(connection, table)
            size = await connection.fetchval("SELECT pg_total_relation_size($1::regclass) / 1e6", table)
            lines.append(Figure(f"heap-only updates, fill factor {factor}", "%", hot))
            lines.append(Figure(f"size with indexes, fill factor {factor}", "MB", float(size)))
    return lines


async def _updates(stage: Stage, full: Seeded, factor: int, updates: int) -> float:
    script = _UPDATE.format(factor=factor, first=FIRST_KEY, last=FIRST_KEY + full.sessions - 1)
    return await transactions_a_second(stage, full.url, script, updates, protocol="prepared")


async def _autovacuum(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Return rates of the later half of much work, in slices in turn, against those with the defaults."""
    lines: list[Line] = []
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_frequent_autovacuum(stage))
        claims = calls // 4
        databases: dict[str, Seeded] = {}
        for number, (name, settings) in enumerate(_AUTOVACUUM.items()):
            database = await stack.enter_async_context(
                seeded(stage, f"vacuumed_{number}", 1_000, claims * _SLICES)
            )
            await _set(database, settings)
            databases[name] = database
        for what, sessions, number in (("save", _FEW_SESSIONS, calls), ("claim", None, claims)):
            rates: dict[str, list[float]] = {name: [] for name in databases}
            for _ in range(_SLICES):
                for name, database in databases.items():
                    load = await database.drive(what, number, 32, sessions=sessions)
                    rates[name].append(load.rate)
            late = {name: median(of[_SLICES // 2 :]) for name, of in rates.items()}
            default, *others = late
            lines += [
                Row(
                    f"{what}s after {number * _SLICES // 2:,}, autovacuum {name}",
                    "calls/s",
                    late[name],
                    default,
                    late[default],
                )
                for name in others
            ]
            dead = {name: await _dead_rows(database) for name, database in databases.items()}
            lines += [
                Figure(f"dead rows after {number * _SLICES:,} {what}s, autovacuum {name}", "rows", count)
                for name, count in dead.items()
            ]
    return lines


async def _set(database: Seeded, settings: str) -> None:
    async with connected(database.url) as connection:
        for table in _CHANGING if settings else ():
            await connection.execute(f"ALTER TABLE {table} SET ({settings})")


async def _dead_rows(database: Seeded) -> float:
    async with connected(database.url) as connection:
        return float(await connection.fetchval("SELECT sum(n_dead_tup) FROM pg_stat_user_tables"))


@contextlib.asynccontextmanager
async def _frequent_autovacuum(stage: Stage) -> AsyncIterator[None]:
    """Let autovacuum start every few seconds."""
    async with connected(stage.database_url) as connection:
        await connection.execute(f"ALTER SYSTEM SET autovacuum_naptime = '{_NAP_SECONDS}s'")
        await connection.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            await connection.execute("ALTER SYSTEM RESET autovacuum_naptime")
            await connection.execute("SELECT pg_reload_conf()")
