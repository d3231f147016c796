"""Fixtures that several kinds of tests share. What they hold is described in tests/support/."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from holdfast_server.storage.store import SqlStore
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess
from tests.support.stores import StoreOpener


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, so that `-m "not postgres"` leaves it out."""
    for item in items:
        if {"postgres", "cluster"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL for all tests of this process: HOLDFAST_TEST_DATABASE_URL or one of our own.

    One for each worker of pytest-xdist: it takes less than a second, and nobody has to wait for another.
    """
    if url := os.environ.get("HOLDFAST_TEST_DATABASE_URL"):
        yield url
        return
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres(postgres_server: str) -> Iterator[PostgresDatabases]:
    """Databases on that PostgreSQL."""
    databases = PostgresDatabases(postgres_server)
    yield databases
    asyncio.run(databases.remove())


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    """Migrated SQLite files."""
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A running PostgreSQL for one test, which may stop, kill and restart it."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
async def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a fresh database with our schema, on each engine in turn."""
    if engine == "sqlite":
        yield await request.getfixturevalue("sqlite").fresh(tmp_path)
        return
    async with request.getfixturevalue("postgres").fresh() as url:
        yield url


@pytest.fixture
async def postgres_url(postgres: PostgresDatabases) -> AsyncIterator[str]:
    """The URL of a fresh PostgreSQL database with our schema."""
    async with postgres.fresh() as url:
        yield url


@pytest.fixture
async def open_store(database_url: str) -> AsyncIterator[StoreOpener]:
    """Opens stores with options of the test's own on the test's database."""
    opener = StoreOpener(database_url)
    yield opener
    await opener.close()


@pytest.fixture
async def store(open_store: StoreOpener) -> SqlStore:
    """A started store on an empty database, on each engine in turn."""
    return await open_store()


@pytest.fixture
async def two_stores(postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two started stores on one PostgreSQL database, as two replicas have them."""
    opener = StoreOpener(postgres_url)
    yield await opener(), await opener()
    await opener.close()


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that is SERVING on an empty database, on each engine in turn."""
    server = ServerProcess(tmp_path, database_url)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server for all tests of a file, on each engine in turn. At the end its log must show no bug.

    Starting one takes longer than most tests. It has metrics. Tests keep apart by sessions or namespaces of
    their own.
    """
    directory = tmp_path_factory.mktemp("server")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        if request.param == "sqlite":
            url = runner.run(request.getfixturevalue("sqlite").fresh(directory))
        else:
            url = runner.run(stack.enter_async_context(request.getfixturevalue("postgres").fresh()))
        server = ServerProcess(directory, url, environment={"HOLDFAST_METRICS_PORT": "0"})
        stack.push_async_callback(server.kill)
        try:
            runner.run(server.start())
            yield server
            assert runner.run(server.stop()) == 0
            assert "Traceback" not in server.log, server.log
            assert '"level": "error"' not in server.log, server.log
        finally:
            runner.run(stack.aclose())


@pytest.fixture
async def two_servers(
    postgres_url: str, tmp_path: Path
) -> AsyncIterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers that are SERVING on one PostgreSQL database."""
    async with AsyncExitStack() as stack:
        servers = ServerProcess(tmp_path, postgres_url), ServerProcess(tmp_path, postgres_url)
        for server in servers:
            stack.push_async_callback(server.kill)
            server.launch()
        for server in servers:
            await server.until_serving()
        yield servers
