"""Fixtures that several kinds of tests share. What they hold is described in tests/support/."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb_server.storage.store import SqlStore
from tests.support.clients import connected
from tests.support.command_line import CommandLine
from tests.support.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.support.needed_programs import pytest_runtest_setup  # noqa: F401 -- a hook of pytest
from tests.support.postgres import PostgresCluster
from tests.support.raw import Raw
from tests.support.servers import ServerProcess, shareable_server
from tests.support.stores import StoreOpener


def pytest_configure() -> None:
    """Have the programs that tests start heed an interrupt, even if we were started in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, so that `-m "not postgres"` leaves it out."""
    for item in items:
        if {"postgres", "cluster"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
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
def postgres(postgres_cluster: str) -> Iterator[PostgresDatabases]:
    """Databases on that PostgreSQL."""
    databases = PostgresDatabases(postgres_cluster)
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
def databases(engine: str, request: pytest.FixtureRequest) -> Databases:
    """The databases of each engine in turn."""
    found: Databases = request.getfixturevalue(engine)
    return found


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh database with our schema, on each engine in turn."""
    async with databases.fresh() as url:
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


@pytest.fixture(scope="session")
async def sqlite_server(
    sqlite: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerProcess]:
    """A server with SQLite for all tests of this process."""
    async with shareable_server(sqlite, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
async def postgres_server(
    postgres: PostgresDatabases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerProcess]:
    """A server with PostgreSQL for all tests of this process."""
    async with shareable_server(postgres, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def shared_server(engine: str, request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """A server that many tests use, on each engine in turn. What it logs meanwhile must show no bug.

    Starting one takes longer than most tests. It has metrics. Tests keep apart by namespaces of their own,
    and may stop and start it.
    """
    server: ServerProcess = request.getfixturevalue(f"{engine}_server")
    if not server.is_running:  # a test has failed
        asyncio.run(server.start())
    before = len(server.log)
    yield server
    said = server.log[before:]
    assert "Traceback" not in said, said
    assert '"level": "error"' not in said, said


@pytest.fixture
def tenant() -> str:
    """A namespace in which there is nothing."""
    return f"tenant-{uuid4()}"


@pytest.fixture
async def client(shared_server: ServerProcess, tenant: str) -> AsyncIterator[holdfastdb.AsyncClient]:
    """A client of a tenant of the shared server, on each engine in turn."""
    async with connected(shared_server, namespace=tenant) as client:
        yield client


@pytest.fixture
def holdfast_command(shared_server: ServerProcess, tenant: str) -> CommandLine:
    """The command line, for the tenant of the shared server."""
    return CommandLine(shared_server.target, tenant)


@pytest.fixture
async def session_id(client: holdfastdb.AsyncClient) -> str:
    """A session of the test's own on the shared server."""
    session = await client.sessions.create(f"session-{uuid4()}")
    return session.session_id


@pytest.fixture
async def raw(client: holdfastdb.AsyncClient, session_id: str) -> Raw:
    """Raw calls to the shared server, and a session with one event and one state."""
    raw = Raw(client, session_id)
    await raw(raw.append(history_pb.Event(event_id="first", type="note")))
    await client.states.save(session_id, {"a": 1}, "kept")
    return raw


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
