"""A database as it is after a long time, made in minutes: events by COPY, the rest copied from a model.

Sessions are `s-0` to `s-N`, each with one state and 100 events of about 300 bytes a row. The events lie as
agents write them: ten of a session, then ten of the next, ten times over.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

import holdfastdb
from holdfastdb_server.storage.schema import events
from tests.benchmarks.load import Load, drive_client
from tests.benchmarks.stage import Stage, connected
from tests.benchmarks.workload import TASK_KIND, TEXT
from tests.support.servers import ServerProcess

EVENTS_A_SESSION = 100
DELETED = 100
"""One in so many sessions, the last ones, is there to be deleted."""
_TURN = 10
FIRST_KEY = 1_000
_COPIES = """
    INSERT INTO {table} OVERRIDING SYSTEM VALUE
    SELECT made.* FROM {table} AS model, generate_series(0, $1 - 1) AS number
    CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object({changes})) AS made
    WHERE {of_model}
"""
_EVENT_ID = "019ab000-0000-7000-8000-"
_OWN_COLUMNS = ("session_key", "sequence", "event_id")


@dataclass(frozen=True, slots=True)
class Seeded:
    """A database that was filled so, and the server on it."""

    url: str
    target: str
    sessions: int

    async def drive(self, operation: str, calls: int, in_flight: int, sessions: int | None = None) -> Load:
        """Make calls spread over the first sessions; over all but the last, which may be deleted."""
        sessions = sessions or self.sessions - self.sessions // DELETED
        return await drive_client(self.target, operation, calls=calls, in_flight=in_flight, sessions=sessions)


@contextlib.asynccontextmanager
async def seeded(stage: Stage, name: str, sessions: int, pending: int) -> AsyncIterator[Seeded]:
    """A database of this name with a server on it, filled with sessions, and as many tasks that have ended.

    `pending` tasks are left to claim.
    """
    url = await stage.make_database(f"{name}_bench")
    server = ServerProcess(stage.directory, url, arguments=["--migrate"])
    try:
        await server.start()
        await _seed(url, server.target, sessions, pending)
        yield Seeded(url, server.target, sessions)
    finally:
        await server.stop()


async def _seed(url: str, target: str, sessions: int, pending: int) -> None:
    """Fill a database that has the tables and nothing else; leave it as after a vacuum."""
    async with holdfastdb.connect(target) as client:
        await client.sessions.create("model", retention="never")
        await client.history.append("model", holdfastdb.Event.of("note", TEXT, actor="agent"))
        await client.states.save("model", TEXT)
        await client.tasks.create("over", TEXT, task_id="ended")
        lease = await client.tasks.claim(kinds=["over"])
        assert lease is not None
        await lease.succeed()
        await client.tasks.create(TASK_KIND, TEXT, task_id="pending")
    async with connected(url) as connection:
        # Foreign keys are not looked up row by row: they hold.
        await connection.execute("SET session_replication_role = replica; SET statement_timeout = 0")
        await _fill(connection, sessions, pending)
        await connection.execute("VACUUM (ANALYZE)", timeout=3_600)
        # What was filled is written out now, and not beside what is measured.
        await connection.execute("CHECKPOINT", timeout=3_600)


async def _fill(connection: asyncpg.Connection, sessions: int, pending: int) -> None:
    key = f"{FIRST_KEY} + number"
    session = f"'key', {key}, 'id', 's-' || number, 'last_sequence', {EVENTS_A_SESSION}"
    await _copy(connection, "sessions", sessions, session, "model.id = 'model'")
    model = "model.session_key = (SELECT key FROM sessions WHERE id = 'model')"
    for table in ("states", "state_versions"):
        await _copy(connection, table, sessions, f"'session_key', {key}", model)
    ended = f"'key', {key}, 'id', 'ended-' || number"
    await _copy(connection, "tasks", sessions, ended, "model.id = 'ended'")
    waiting = f"'key', {key} + {sessions}, 'id', 'pending-' || number"
    await _copy(connection, "tasks", pending, waiting, "model.id = 'pending'")
    for table in ("sessions", "tasks"):
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'key'), (SELECT max(key) FROM {table}))"
        )
    await _copy_events(connection, sessions)


async def _copy(connection: asyncpg.Connection, table: str, number: int, changes: str, of_model: str) -> None:
    statement = _COPIES.format(table=table, changes=changes, of_model=of_model)
    await connection.execute(statement, number, timeout=3_600)


async def _copy_events(connection: asyncpg.Connection, sessions: int) -> None:
    rest = [column.name for column in events.columns if column.name not in _OWN_COLUMNS]
    model = bytearray()

    async def keep(data: bytes) -> None:
        model.extend(data)

    query = f"SELECT {', '.join(rest)} FROM events WHERE type = 'note'"
    await connection.copy_from_query(query, output=keep)
    line = model.decode()

    async def lines() -> AsyncIterator[bytes]:
        for first in range(1, EVENTS_A_SESSION + 1, _TURN):
            for number in range(sessions):
                made = number * EVENTS_A_SESSION
                yield "".join(
                    f"{FIRST_KEY + number}\t{sequence}\t{_EVENT_ID}{made + sequence:012x}\t{line}"
                    for sequence in range(first, first + _TURN)
                ).encode()

    await connection.copy_to_table("events", source=lines(), columns=[*_OWN_COLUMNS, *rest], timeout=3_600)
