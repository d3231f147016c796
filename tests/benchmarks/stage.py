"""The stage: a PostgreSQL that syncs as in production, the server under test, and the references."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import grpc

import holdfastdb
from tests.support.postgres import PostgresCluster
from tests.support.processes import free_port
from tests.support.servers import ServerProcess

_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "max_connections": "200",
}


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Stage:
    """What the measures find running."""

    directory: Path
    cluster: PostgresCluster
    database_url: str
    server: ServerProcess
    second_server: ServerProcess
    client: holdfastdb.AsyncClient
    bare: str
    """The target of the bare server."""
    per_request: str
    """The target of the server that commits each request."""

    async def make_database(self, name: str) -> str:
        """Make an empty database, and return its URL."""
        return await _make_database(self.cluster, name)

    async def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        async with connected(self.database_url) as connection:
            rows: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
            return rows


@contextlib.asynccontextmanager
async def set_up(directory: Path) -> AsyncIterator[Stage]:
    """Start everything, and end it afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        cluster = PostgresCluster(settings=_SETTINGS)
        stack.callback(cluster.remove)
        await asyncio.to_thread(cluster.start)
        url = await _make_database(cluster, "bench")
        server, second = (ServerProcess(directory, url, arguments=["--migrate"]) for _ in range(2))
        for one in (server, second):
            stack.push_async_callback(one.stop)
            await one.start()
        bare = await _reference(stack, "bare")
        per_request = await _reference(stack, "per_request", url)
        client = await stack.enter_async_context(holdfastdb.connect(server.target))
        yield Stage(directory, cluster, url, server, second, client, bare, per_request)


async def _make_database(cluster: PostgresCluster, name: str) -> str:
    async with connected(cluster.url) as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    return f"{cluster.url.rsplit('/', 1)[0]}/{name}"


async def _reference(stack: contextlib.AsyncExitStack, kind: str, *arguments: str) -> str:
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.references", kind, str(port), *arguments]
    process = await asyncio.create_subprocess_exec(*command)
    stack.push_async_callback(_end, process)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(_ready(channel), 30)
    return f"127.0.0.1:{port}"


async def _ready(channel: grpc.aio.Channel) -> None:
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()
