"""How a database is opened and closed: its pools, its transactions, and that nothing of it stays open."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.diagnosis import diagnose
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions
from tests.support.databases import SqliteDatabases
from tests.support.waiting import eventually

PREPARED = sa.text("SELECT count(*) FROM pg_prepared_statements")


async def check_size(engine: AsyncEngine, size: int) -> None:
    """Check that so many connections can be had, and no more."""
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(engine.connect()) for _ in range(size)]
        with pytest.raises(PoolTimeout, match=rf"size {size} overflow 0 reached.* timeout 0\.05"):
            held.append(await stack.enter_async_context(engine.connect()))


async def test_a_pool_has_no_more_connections_than_it_should(database_url: str, engine: str) -> None:
    database = open_database(StorageOptions(database_url, pool_max=3, pool_timeout=0.05))
    if engine == "sqlite":
        await check_size(database._writer, 1)
        await check_size(database._readers, 4)
    else:
        await check_size(database._writer, 3)
        assert database.pool_status() == {"size": 3, "in_use": 0}
        async with database._writer.connect():
            assert database.pool_status() == {"size": 3, "in_use": 1}
    await database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of the test's own."""
    database = open_database(StorageOptions(database_url, pool_max=4))
    yield database
    await database.close()


async def test_each_statement_of_a_read_commits_by_itself(database: Database) -> None:
    async def forget_revision(connection: AsyncConnection) -> None:
        await connection.execute(sa.text("DELETE FROM alembic_version"))

    await database.read(forget_revision)
    assert (await migrations.read_state(database)).current is None


async def test_of_a_write_that_fails_nothing_is_left(database: Database) -> None:
    async def forget_revision(connection: AsyncConnection) -> None:
        await connection.execute(sa.text("DELETE FROM alembic_version"))
        raise ValueError("after its first statement")

    with pytest.raises(ValueError, match="after its first"):
        await database.write(forget_revision)
    assert (await migrations.read_state(database)).is_current


async def test_a_sqlite_file_keeps_what_is_committed_and_what_refers_to_nothing_out(
    sqlite: SqliteDatabases,
) -> None:
    async with sqlite.fresh() as url:
        database = open_database(StorageOptions(url))
        pragmas = ("journal_mode", "synchronous", "foreign_keys")

        async def ask(connection: AsyncConnection) -> list[object]:
            return [await connection.scalar(sa.text(f"PRAGMA {pragma}")) for pragma in pragmas]

        # 2 is FULL: a transaction that was answered outlives a power failure.
        assert await database.write(ask) == await database.read(ask) == ["wal", 2, 1]
        await database.close()


def processes(database: Database) -> Awaitable[tuple[int, int]]:
    """What two connections at the same time, used again one by one, are for the server."""

    async def ask() -> tuple[int, int]:
        pids = []
        async with database._writer.connect() as first:
            async with database._writer.connect() as second:
                pids.append(await second.scalar(sa.text("SELECT pg_backend_pid()")))
            await first.scalar(sa.text("SELECT 1"))
        async with database._writer.connect() as first, database._writer.connect() as second:
            pids.append(await second.scalar(sa.text("SELECT pg_backend_pid()")))
        return pids[0], pids[1]

    return ask()


async def test_the_connection_used_last_is_used_next(postgres_url: str) -> None:
    database = open_database(StorageOptions(postgres_url))
    # The second was returned first: it is taken second again.
    first, again = await processes(database)
    assert first == again
    await database.close()


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
async def test_a_transaction_is_read_committed_whatever_the_database_prefers(
    postgres_url: str, level: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    database = open_database(StorageOptions(postgres_url))
    try:
        show = sa.text("SHOW transaction_isolation")
        assert await database.write(lambda c: c.scalar(show)) == "read committed"
    finally:
        await database.close()
        await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_isolation")
        await connection.close()


async def test_behind_a_pooler_no_statement_is_prepared(postgres_url: str) -> None:
    database = open_database(StorageOptions(postgres_url, pgbouncer=True))
    for _ in range(2):
        assert await database.read(lambda connection: connection.scalar(PREPARED)) == 0
        assert [tuple(row) for row in await database.run_at_once(str(PREPARED), ())] == [(0,)]

    async def alternate(connection: AsyncConnection) -> list[int | None]:
        raw: Any = await connection.get_raw_connection()
        before = await connection.scalar(sa.text("SELECT 1"))
        await raw.driver_connection.fetch("SELECT 2")
        return [before, await connection.scalar(sa.text("SELECT 1"))]

    # No statement is taken for prepared after another has taken its place.
    assert await database.read(alternate) == [1, 1]
    await database.close()


async def test_without_a_pooler_statements_are_prepared(postgres_url: str) -> None:
    database = open_database(StorageOptions(postgres_url))
    assert (await database.read(lambda connection: connection.scalar(PREPARED)) or 0) > 0
    await database.close()


async def use_and_close(url: str) -> None:
    """Use all kinds of connections of a database."""
    database = open_database(StorageOptions(url))
    await database.ping()
    await database.write(lambda connection: connection.execute(sa.text("SELECT 1")))
    if not url.startswith("sqlite"):
        await database.run_at_once("SELECT 1", ())
    await database.close()


@pytest.mark.parametrize(
    "use",
    [use_and_close, migrations.inspect, migrations.upgrade, lambda url: diagnose(StorageOptions(url))],
    ids=["use", "inspect", "upgrade", "diagnose"],
)
async def test_after_its_use_no_connection_is_open(
    database_url: str, engine: str, use: Callable[[str], Awaitable[object]]
) -> None:
    if engine == "sqlite":  # where each connection has a thread
        before = set(threading.enumerate())
        await use(database_url)
        await eventually(lambda: not set(threading.enumerate()) - before, "the end of all threads")
        return
    connection = await asyncpg.connect(database_url)
    others = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )

    async def none_is_open() -> bool:
        return not await connection.fetchval(others)

    await eventually(none_is_open, "the end of the connections before")
    await use(database_url)
    await eventually(none_is_open, "the end of all connections")
    await connection.close()


class Abandoned:
    """A write whose caller has gone, and which may go on only then."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error
        self._begun, self._may_go_on = asyncio.Event(), asyncio.Event()
        self.is_finished = False
        self.complaints: list[dict[str, Any]] = []

    async def begin(self, database: Database) -> None:
        """Return when the caller has gone."""
        asyncio.get_running_loop().set_exception_handler(lambda _, said: self.complaints.append(said))
        caller = asyncio.create_task(database.write(self._work))
        await self._begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

    def go_on(self) -> None:
        """Let it finish."""
        self._may_go_on.set()

    async def _work(self, connection: AsyncConnection) -> None:
        self._begun.set()
        await self._may_go_on.wait()
        self.is_finished = True
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [None, ValueError()], ids=repr)
async def test_a_write_whose_caller_has_gone_is_finished_before_the_database_is_closed(
    database: Database, error: Exception | None
) -> None:
    write = Abandoned(error)
    await write.begin(database)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0)
    write.go_on()
    await closing
    assert write.is_finished


async def test_of_a_failed_write_whose_caller_has_gone_nothing_is_left(database: Database) -> None:
    write = Abandoned(ValueError())
    await write.begin(database)
    write.go_on()
    await eventually(lambda: not database._writes)
    gc.collect()
    assert write.complaints == []
