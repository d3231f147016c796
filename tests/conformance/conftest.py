"""The databases of the conformance suite: its many tests only read and write rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from holdfast_server.storage.store import SqlStore
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.stores import SharedStores, StoreOpener


@pytest.fixture
async def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database with our schema, on each engine in turn."""
    if engine == "sqlite":
        yield await request.getfixturevalue("sqlite").fresh(tmp_path)
        return
    async with request.getfixturevalue("postgres").reused() as url:
        yield url


@pytest.fixture
async def postgres_url(postgres: PostgresDatabases) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database with our schema."""
    async with postgres.reused() as url:
        yield url


@pytest.fixture(scope="session")
async def shared_stores(
    sqlite: SqliteDatabases, postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SharedStores]:
    """Stores that are lent to one test after the other."""

    @asynccontextmanager
    async def open_sqlite() -> AsyncIterator[str]:
        yield await sqlite.fresh(tmp_path_factory.mktemp("shared"))

    def open_database(engine: str) -> AbstractAsyncContextManager[str]:
        return open_sqlite() if engine == "sqlite" else postgres.fresh()

    stores = SharedStores(open_database)
    yield stores
    await stores.close()


@pytest.fixture
async def lent_store(engine: str, shared_stores: SharedStores) -> AsyncIterator[SqlStore]:
    """A started store without rows."""
    yield await shared_stores.lend(engine)
    await shared_stores.take_back(engine)


@pytest.fixture
async def own_store(open_store: StoreOpener) -> SqlStore:
    """A started store on the database that the test opens further stores on."""
    return await open_store()


@pytest.fixture
def store(request: pytest.FixtureRequest, engine: str) -> SqlStore:
    """A started store without rows, on each `engine` in turn.

    A test that knows the database, or opens stores itself, gets one on that database.
    """
    knows_database = {"open_store", "database_url"} & set(request.fixturenames)
    store: SqlStore = request.getfixturevalue("own_store" if knows_database else "lent_store")
    return store
