"""Whether a partitioned table of events would be faster: by pgbench, for the database alone is asked."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.pgbench import transactions_a_second
from tests.benchmarks.report import Line, Row
from tests.benchmarks.rounds import alternate
from tests.benchmarks.seeds import EVENTS_A_SESSION, FIRST_KEY, Seeded, seeded
from tests.benchmarks.stage import Stage, connected

_PARTITIONS = 16
_MAKE = f"""
    CREATE TABLE parted (LIKE events) PARTITION BY HASH (session_key);
    DO $$ BEGIN FOR part IN 0..{_PARTITIONS - 1} LOOP
        EXECUTE format('CREATE TABLE parted_%s PARTITION OF parted FOR VALUES WITH
            (MODULUS %s, REMAINDER %s)', part, {_PARTITIONS}, part);
    END LOOP; END $$;
    ALTER TABLE parted ADD PRIMARY KEY (session_key, sequence);
    ALTER TABLE parted ADD UNIQUE (session_key, event_id);
    INSERT INTO parted SELECT * FROM events;
"""
_SESSION = "\\set session random({first}, {last})\n"
_READ = "SELECT * FROM {table} WHERE session_key = :session ORDER BY sequence DESC LIMIT 100;\n"
# As many events as an agent writes at a time.
_WRITE = """\\set start random(1000, 2000000000)
INSERT INTO {table} SELECT session_key, :start + sequence, namespace, :start || '-' || event_id, type, actor,
    run_id, task_id, trace_id, kind, body, data, media_type, labels, size, event_time, create_time
FROM {table} WHERE session_key = :session AND sequence <= 10;
"""


async def partitions(stage: Stage, rounds: int, calls: int, sessions: int) -> list[Line]:
    """Reads and writes of a table in 16 hash partitions against those of the table as it is."""
    async with seeded(stage, "parted", sessions, 1) as full:
        async with connected(full.url) as connection:
            await connection.execute(_MAKE, timeout=3_600)
            await connection.execute("VACUUM (ANALYZE)", timeout=3_600)
        lines: list[Line] = []
        for what, script in (("reads of 100 events", _READ), ("writes of 10 events", _WRITE)):
            mine, theirs = await alternate(
                rounds,
                partial(_rate, stage, full, "parted", script, calls),
                partial(_rate, stage, full, "events", script, calls),
            )
            size = f"{sessions * EVENTS_A_SESSION:,} events in {_PARTITIONS} partitions"
            lines.append(Row(f"{size}: {what}", "a second", mine, "in one table", theirs))
    return lines


async def _rate(stage: Stage, full: Seeded, table: str, script: str, calls: int) -> float:
    bounds = _SESSION.format(first=FIRST_KEY, last=FIRST_KEY + full.sessions - 1)
    text = bounds + script.format(table=table)
    return await transactions_a_second(stage, full.url, text, calls, protocol="prepared")
