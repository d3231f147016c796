"""Guarantee 1 at a stop: calls in progress complete. And how a server that must not start refuses."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import holdfastdb
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected, history
from tests.support.command_line import CommandLine
from tests.support.databases import PostgresDatabases, sqlite_url
from tests.support.postgres import PostgresCluster
from tests.support.probes import metrics
from tests.support.servers import ServerProcess
from tests.support.waiting import eventually
from tests.support.writers import Writers

StartServer = Callable[..., ServerProcess]


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[StartServer]:
    """Makes servers in one directory and kills them at the end; see ServerProcess."""
    made: list[ServerProcess] = []

    def make(url: str = "", *arguments: str, **environment: str) -> ServerProcess:
        made.append(ServerProcess(tmp_path, url, arguments=arguments, environment=environment))
        return made[-1]

    yield make
    for server in made:
        await server.kill()


@asynccontextmanager
async def writes_held_up(url: str) -> AsyncIterator[None]:
    """Let no write through for as long as the block lasts: each waits for a lock that we hold."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(urlsplit(url).path, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
        finally:
            connection.close()
        return
    postgres = await asyncpg.connect(url)
    try:
        async with postgres.transaction():
            await postgres.execute("LOCK TABLE sessions IN EXCLUSIVE MODE")
            yield
    finally:
        await postgres.close()


async def until_calls_under_way(server: ServerProcess, method: str, count: int) -> None:
    """Wait until so many calls of a method came in and have not ended."""

    async def are_there() -> bool:
        values = await metrics(server)
        mine = [name for name in values if f'grpc_method="{method}"' in name]
        came = sum(values[name] for name in mine if name.startswith("grpc_server_started_total"))
        ended = sum(values[name] for name in mine if name.startswith("grpc_server_handled_total"))
        return came - ended == count

    await eventually(are_there, f"{count} calls of {method} under way")


async def test_calls_under_way_end_well_when_the_server_is_told_to_stop(
    servers: StartServer, database_url: str
) -> None:
    server = servers(database_url, HOLDFAST_METRICS_PORT="0")
    await server.start()
    async with connected(server, retries=False) as client:
        await client.sessions.create("s")
        async with writes_held_up(database_url):
            calls = [
                asyncio.create_task(client.history.append("s", holdfastdb.Event.of("n", number)))
                for number in range(5)
            ]
            await until_calls_under_way(server, "BatchAppendEvents", 1)
            server.send(signal.SIGTERM)
            await eventually(lambda: '"stopping"' in server.log, "the drain")
        appended = await asyncio.gather(*calls)
        assert sorted(one.receipts[0].sequence for one in appended) == [1, 2, 3, 4, 5]
    assert await server.wait() == 0
    await server.start()
    async with connected(server) as client:
        assert {event.value for event in await history(client, "s")} == set(range(5))
    assert await server.stop() == 0
    assert "Traceback" not in server.log


async def test_calls_that_meet_a_stop_are_told_to_come_again(server: ServerProcess) -> None:
    async def call_on(client: holdfastdb.AsyncClient) -> holdfastdb.HoldfastError:
        while True:
            try:
                await client.sessions.get("s")
            except holdfastdb.HoldfastError as error:
                return error

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server, retries=False)) for _ in range(4)]
        await clients[0].sessions.create("s")
        calls = [asyncio.create_task(call_on(client)) for client in clients * 24]
        await clients[0].sessions.list().page()
        assert await server.stop() == 0
        errors = await asyncio.gather(*calls)
    assert {type(error) for error in errors} == {holdfastdb.Unavailable}
    # gRPC cancels the few calls that arrive after it stopped and before the client knows.
    told = [error for error in errors if error.reason == holdfastdb.Reason.SERVER_DRAINING]
    assert len(told) > len(errors) / 2
    assert all(error.retry_delay for error in told)


async def test_writers_lose_nothing_while_a_server_is_restarted_in_order(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    async with Writers([client], session_id) as writers:
        await writers.write(100)
        assert await shared_server.stop() == 0
        await shared_server.start()
        await writers.write(100)
    await writers.check(client)


async def test_a_reader_that_does_not_read_holds_up_the_stop_no_longer_than_allowed(
    servers: StartServer, tmp_path: Path
) -> None:
    server = servers(sqlite_url(tmp_path / "holdfast.db"), HOLDFAST_DRAIN_SECONDS="0.5")
    await server.start()
    async with connected(server) as client:
        await client.sessions.create("s")
        async with client.history.tail("s"):
            for _ in range(8):
                await client.history.append("s", holdfastdb.Event.of("large", b"x" * 2 * 1024 * 1024))
            assert await server.stop() == 0
    assert "Traceback" not in server.log


async def test_a_second_signal_does_not_wait_for_calls(servers: StartServer, tmp_path: Path) -> None:
    server = servers(sqlite_url(tmp_path / "holdfast.db"), HOLDFAST_DRAIN_SECONDS="3600")
    await server.start()
    async with connected(server) as client:
        await client.sessions.create("s")
        async with client.history.tail("s"):
            for _ in range(8):
                await client.history.append("s", holdfastdb.Event.of("large", b"x" * 2 * 1024 * 1024))
            server.send(signal.SIGTERM)
            await eventually(lambda: '"stopping"' in server.log, "the drain")
            assert await server.stop() == 0


async def refusal(server: ServerProcess) -> str:
    """Launch a server that cannot start; return what it says, which must be one line without a trace."""
    before = len(server.log)
    server.launch()
    assert await server.wait() == 1
    said = [line for line in server.log[before:].splitlines() if line.startswith("holdfast: ")]
    assert len(said) == 1, server.log
    assert "Traceback" not in server.log
    return said[0]


async def test_a_file_that_another_server_holds_is_refused(servers: StartServer, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "holdfast.db")
    first, second = servers(url), servers(url)
    await first.start()
    said = await refusal(second)
    assert "held by another holdfast server" in said
    assert str(first.pid) in said
    await first.kill()
    await second.start()


async def test_a_port_that_another_server_has_is_refused(servers: StartServer, tmp_path: Path) -> None:
    first = servers(sqlite_url(tmp_path / "first.db"))
    await first.start()
    second = servers(sqlite_url(tmp_path / "second.db"), "--port", str(first.port))
    said = await refusal(second)
    assert f"127.0.0.1:{first.port} is in use" in said
    assert "HOLDFAST_PORT" in said


@pytest.fixture
async def empty_url(postgres: PostgresDatabases) -> AsyncIterator[str]:
    """The URL of a PostgreSQL database without a schema."""
    async with postgres.empty() as url:
        yield url


async def test_a_database_without_our_schema_is_refused(servers: StartServer, empty_url: str) -> None:
    said = await refusal(servers(empty_url))
    assert "has no schema" in said
    assert "run 'holdfast migrate'" in said


async def test_a_database_with_a_newer_schema_is_refused(servers: StartServer, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        with sqlite3.connect(urlsplit(database_url).path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
    else:
        postgres = await asyncpg.connect(database_url)
        await postgres.execute("UPDATE alembic_version SET version_num = '9999'")
        await postgres.close()
    said = await refusal(servers(database_url))
    assert "9999" in said
    assert "newer" in said


async def test_servers_started_at_once_migrate_an_empty_database_once(
    servers: StartServer, empty_url: str
) -> None:
    starting = [servers(empty_url, "--migrate") for _ in range(3)]
    for server in starting:
        server.launch()
    for server in starting:
        await server.until_serving()
    for number, server in enumerate(starting):
        async with connected(server) as client:
            await client.sessions.create(f"s-{number}")
            assert len([session async for session in client.sessions.list()]) == number + 1
    assert sum("upgraded the database" in server.log for server in starting) == 1
    assert not any("Traceback" in server.log for server in starting)


async def test_a_server_waits_for_its_database_and_for_its_schema(
    servers: StartServer, cluster: PostgresCluster
) -> None:
    await asyncio.to_thread(cluster.stop)
    server = servers(cluster.url)
    server.launch()
    await server.until_not_serving()
    await server.until_not_serving("holdfastdb.v1.SessionService")
    async with connected(server, retries=False) as client:
        await check_unavailable(client.sessions.create("s"), "DATABASE_UNAVAILABLE")
        await check_unavailable(client.history.append("s", holdfastdb.Event()), "DATABASE_UNAVAILABLE")
        diagnosis = await CommandLine(server.target)("doctor", "--database-url", cluster.url)
        assert diagnosis.code == 1
        assert f"{server.target} answers but is not serving" in diagnosis.out
        assert "2 of 4 checks failed." in diagnosis.out
        await asyncio.to_thread(cluster.start)
        await eventually(lambda: "run 'holdfast migrate'" in server.log, "the schema is missed")
        await server.until_not_serving()
        await check_unavailable(client.sessions.create("s"), "SCHEMA_MISMATCH")
        await migrations.upgrade(cluster.url)
        await server.until_serving()
        assert (await client.sessions.create("s")).version == 1
    assert await server.stop() == 0
    assert "Traceback" not in server.log


async def check_unavailable(call: Awaitable[object], reason: str) -> None:
    """Check that a call is refused for now, with a hint when to try again."""
    with pytest.raises(holdfastdb.Unavailable) as caught:
        await call
    assert caught.value.reason == reason
    assert caught.value.retry_delay
