"""Which work is attempted again after its connection was lost, and which never is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest import mock

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncTransaction

from holdfastdb_server.domain.errors import DatabaseUnavailable, SchemaMismatch, SessionNotFound
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.engines.raw_connections import RawConnections
from holdfastdb_server.storage.options import StorageOptions
from holdfastdb_server.storage.store import SqlStore
from tests.support.postgres_proxy import PostgresProxy
from tests.support.stores import StoreOpener
from tests.support.waiting import eventually

LOST = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
DEADLOCK = asyncpg.DeadlockDetectedError("deadlock detected")
CONFLICT = asyncpg.SerializationError("could not serialize access")

pytestmark = pytest.mark.postgres


def failing(error: Exception, times: int = 1) -> Callable[[], None]:
    """Return what raises an error as SQLAlchemy does, the first few times."""
    left = [times]

    def fail() -> None:
        if left[0]:
            left[0] -= 1
            raise DBAPIError("statement", {}, error, connection_invalidated=error is LOST)

    return fail


@pytest.fixture
async def database(postgres_url: str) -> Any:
    """The database of a store on PostgreSQL."""
    opener = StoreOpener(postgres_url, poll_interval=600.0)
    yield (await opener())._database
    await opener.close()


async def attempts(database: Database, fail: Callable[[], None]) -> int:
    """Write with work that fails so; return how often it was begun."""
    begun = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal begun
        begun += 1
        fail()

    await database.write(work)
    return begun


@pytest.mark.parametrize("error", [LOST, DEADLOCK, CONFLICT], ids=lambda error: type(error).__name__)
async def test_work_that_fails_before_its_commit_is_begun_again(database: Database, error: Exception) -> None:
    assert await attempts(database, failing(error)) == 2


async def test_of_deadlocks_the_third_is_the_last(database: Database) -> None:
    assert await attempts(database, failing(DEADLOCK, 2)) == 3
    with pytest.raises(DBAPIError):
        await attempts(database, failing(DEADLOCK, 3))


async def test_of_lost_connections_the_second_is_the_last(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable):
        await attempts(database, failing(LOST, 2))
    assert database.lost.is_set()


async def test_of_other_errors_the_first_is_the_last(database: Database) -> None:
    for error in (asyncpg.UniqueViolationError("duplicate key"), ValueError("a defect")):
        fail = failing(error)
        with pytest.raises(DBAPIError):
            await attempts(database, fail)
        assert await attempts(database, fail) == 1
    assert not database.lost.is_set()


async def test_an_error_of_our_own_is_raised_at_once(database: Database) -> None:
    errors = iter([SessionNotFound("s")])

    async def work(connection: AsyncConnection) -> None:
        for error in errors:
            raise error

    with pytest.raises(SessionNotFound):
        await database.write(work)


async def test_an_error_of_the_schema_has_the_database_checked(database: Database) -> None:
    with pytest.raises(SchemaMismatch):
        await attempts(database, failing(asyncpg.UndefinedColumnError("column does not exist")))
    assert database.lost.is_set()


@pytest.mark.parametrize("error", [LOST, DEADLOCK, CONFLICT], ids=lambda error: type(error).__name__)
async def test_work_whose_commit_fails_is_not_begun_again(database: Database, error: Exception) -> None:
    begun = 0
    fail = failing(error)

    async def work(connection: AsyncConnection) -> None:
        nonlocal begun
        begun += 1

    async def commit(transaction: AsyncTransaction) -> None:
        fail()

    with (
        mock.patch.object(AsyncTransaction, "commit", commit),
        pytest.raises((DatabaseUnavailable, DBAPIError)),
    ):
        await database.write(work)
    assert begun == 1


@pytest.fixture
def raw(database: Database) -> RawConnections:
    """Its raw connections, of which none is open."""
    return database._raw_connections


def in_use(database: Database) -> int:
    """How many connections somebody uses."""
    return database.pool_status()["in_use"]


async def test_a_raw_connection_is_kept_for_the_next_use(raw: RawConnections) -> None:
    first = await raw.fetch("SELECT pg_backend_pid()", ())
    assert raw.idle == 1
    assert await raw.fetch("SELECT pg_backend_pid()", ()) == first


@pytest.mark.parametrize(("pool_max", "kept"), [(1, 0), (6, 3), (20, 8)])
async def test_of_a_pool_no_more_than_half_and_no_more_than_8_are_kept_as_raw_connections(
    postgres_url: str, pool_max: int, kept: int
) -> None:
    database = open_database(StorageOptions(postgres_url, pool_max=pool_max))
    raw = database._raw_connections
    await asyncio.gather(*(raw.fetch("SELECT 1", ()) for _ in range(min(pool_max, 10))))
    assert (raw.idle, database.pool_status()["in_use"]) == (kept, 0)
    await database.close()


async def test_a_raw_connection_that_had_an_error_is_given_back(
    database: Database, raw: RawConnections
) -> None:
    for _ in range(12):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await raw.fetch("SELECT 1 / $1::int", (0,))
    assert raw.idle == 0
    await eventually(lambda: in_use(database) == 0)


async def test_a_raw_connection_whose_caller_has_gone_is_given_back(
    database: Database, raw: RawConnections
) -> None:
    await raw.fetch("SELECT pg_backend_pid()", ())
    fetching = asyncio.create_task(raw.fetch("SELECT pg_sleep(60)", ()))
    await eventually(lambda: raw.idle == 0)
    await asyncio.sleep(0)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert raw.idle == 0
    await eventually(lambda: in_use(database) == 0)
    assert [tuple(row) for row in await raw.fetch("SELECT 1", ())] == [(1,)]


async def test_a_raw_connection_that_was_cut_is_not_used_again(postgres_url: str) -> None:
    async with PostgresProxy(postgres_url) as proxy:
        opener = StoreOpener(proxy.url, poll_interval=600.0)
        store: SqlStore = await opener()
        raw = store._database._raw_connections
        await raw.fetch("SELECT 1 AS one", ())
        proxy.cut("SELECT 1 AS one", is_carried_out=True)
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await raw.fetch("SELECT 1 AS one", ())
        assert raw.idle == 0
        assert [tuple(row) for row in await raw.fetch("SELECT 1 AS one", ())] == [(1,)]
        assert raw.idle == 1
        await opener.close()
