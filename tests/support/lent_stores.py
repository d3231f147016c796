"""Fixtures of suites whose tests only read and write rows: databases are used again, stores are lent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.support.stores import SharedStore, StoreOpener


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of an empty database with our schema, on each engine in turn."""
    async with databases.reused() as url:
        yield url


@pytest.fixture
async def postgres_url(postgres: PostgresDatabases) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database with our schema."""
    async with postgres.reused() as url:
        yield url


@pytest.fixture(scope="session")
async def sqlite_store(sqlite: SqliteDatabases) -> AsyncIterator[SharedStore]:
    """A store on SQLite that is lent to one test after the other."""
    shared = SharedStore(sqlite)
    yield shared
    await shared.close()


@pytest.fixture(scope="session")
async def postgres_store(postgres: PostgresDatabases) -> AsyncIterator[SharedStore]:
    """A store on PostgreSQL that is lent to one test after the other."""
    shared = SharedStore(postgres)
    yield shared
    await shared.close()


@pytest.fixture
def shared_store(engine: str, request: pytest.FixtureRequest) -> SharedStore:
    """The shared store of each engine in turn."""
    shared: SharedStore = request.getfixturevalue(f"{engine}_store")
    return shared


@pytest.fixture
async def lent_store(shared_store: SharedStore) -> AsyncIterator[SqlStore]:
    """A started store without rows."""
    yield await shared_store.lend()
    await shared_store.take_back()


@pytest.fixture
async def own_store(open_store: StoreOpener) -> SqlStore:
    """A started store on the database that the test opens further stores on."""
    return await open_store()


@pytest.fixture
def store(request: pytest.FixtureRequest, engine: str) -> SqlStore:
    """A started store without rows, on each engine in turn.

    A test that knows the database, or opens stores itself, gets one on that database.
    """
    knows_database = {"open_store", "database_url"} & set(request.fixturenames)
    store: SqlStore = request.getfixturevalue("own_store" if knows_database else "lent_store")
    return store
