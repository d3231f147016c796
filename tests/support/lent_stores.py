"""Fixtures of suites whose tests only read and write rows: databases are used again, stores are lent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.support.stores import SharedStore, StoreOpener

PLANNED: dict[str, Any] = {"single_statement_writes": False}
"""The options of a store on the engine `planned`."""


@pytest.fixture(
    params=["sqlite", *(pytest.param(n, marks=pytest.mark.postgres) for n in ("postgres", "planned"))]
)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn. `planned` is PostgreSQL without writes in a single statement."""
    return str(request.param)


@pytest.fixture
def store_options(engine: str) -> dict[str, Any]:
    """What a store on this engine is opened with."""
    return PLANNED if engine == "planned" else {}


@pytest.fixture
def databases(engine: str, request: pytest.FixtureRequest) -> Databases:
    """The databases of each engine in turn."""
    found: Databases = request.getfixturevalue("sqlite" if engine == "sqlite" else "postgres")
    return found


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


@pytest.fixture(scope="session")
async def planned_store(postgres: PostgresDatabases) -> AsyncIterator[SharedStore]:
    """A store on PostgreSQL without writes in a single statement, lent to one test after the other."""
    shared = SharedStore(postgres, **PLANNED)
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
async def open_store(database_url: str, store_options: dict[str, Any]) -> AsyncIterator[StoreOpener]:
    """Opens stores with options of the test's own on the test's database."""
    opener = StoreOpener(database_url, **store_options)
    yield opener
    await opener.close()


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


@pytest.fixture(params=[{}, PLANNED], ids=["postgres", "planned"])
def postgres_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a store on PostgreSQL is opened with, for each way to write in turn."""
    return dict(request.param)


@pytest.fixture
async def two_stores(
    postgres_url: str, postgres_options: dict[str, Any]
) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two started stores on one PostgreSQL database, as two replicas have them, with each way to write."""
    opener = StoreOpener(postgres_url, **postgres_options)
    yield await opener(), await opener()
    await opener.close()
