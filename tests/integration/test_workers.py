"""`holdfast serve --workers N`: processes that share a port."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest

import holdfastdb
from tests.support.clients import connected
from tests.support.processes import children, free_port, is_alive
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually

CLIENTS = 16
"""So many that it is as good as certain that each worker gets one of their connections."""


@pytest.fixture
async def server(postgres_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server with two workers, and metrics."""
    server = ServerProcess(
        tmp_path, postgres_url, arguments=["--workers", "2", "--metrics-port", str(two_free_ports())]
    )
    try:
        await server.start()
        await eventually(lambda: "workers  2" in server.log, "the banner")
        yield server
    finally:
        await server.kill()


def two_free_ports() -> int:
    """Return a port that is free, like the next one."""
    while True:
        port = free_port()
        with socket.socket() as next_one:
            try:
                next_one.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def workers(server: ServerProcess) -> list[int]:
    """The processes of the workers."""
    return [pid for pid in children(server.pid) if b"spawn_main" in command_of(pid)]


def command_of(pid: int) -> bytes:
    """What a process runs; nothing if it has ended since it was seen."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def fetch(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


async def appends_answered(server: ServerProcess) -> list[int]:
    """How many appends each worker has answered."""
    (first,) = re.findall(r"http://127.0.0.1:(\d+)/metrics", server.log)
    counts = []
    for port in (int(first), int(first) + 1):
        text = await asyncio.to_thread(fetch, f"http://127.0.0.1:{port}/metrics")
        found = re.search(
            r'grpc_server_handled_total{grpc_code="OK",grpc_method="AppendEvents".*} (\d+)', text
        )
        counts.append(int(found[1]) if found else 0)
    return counts


async def test_they_share_the_connections_and_tails_see_what_any_of_them_wrote(server: ServerProcess) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server)) for _ in range(CLIENTS)]
        await clients[0].sessions.create("s")
        tails = [await stack.enter_async_context(client.history.tail("s")) for client in clients]
        for number, client in enumerate(clients):
            await client.history.append("s", holdfastdb.Event.of("n", number))
        async with asyncio.timeout(PATIENCE):
            for tail in tails:
                seen = [(await anext(aiter(tail))).sequence for _ in clients]
                assert seen == list(range(1, CLIENTS + 1))
    counts = await appends_answered(server)
    assert sum(counts) == CLIENTS
    assert min(counts) > 0


async def test_a_worker_that_was_killed_is_replaced(server: ServerProcess) -> None:
    before = workers(server)
    assert len(before) == 2
    os.kill(before[1], signal.SIGKILL)
    await eventually(lambda: before[1] not in workers(server) and len(workers(server)) == 2, "two workers")
    assert before[0] in workers(server)
    assert "a worker has ended" in server.log
    await eventually(lambda: server.log.count('"serving"') == 3, "the new one serves")
    async with AsyncExitStack() as stack:
        for number in range(CLIENTS):
            client = await stack.enter_async_context(connected(server))
            await client.sessions.create(f"s{number}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_all_of_them_end_when_the_server_is_stopped(
    server: ServerProcess, number: signal.Signals
) -> None:
    processes = workers(server)
    async with connected(server) as client:
        await client.sessions.create("s")
        server.send(number)
        assert await server.wait() == 0
    assert not any(map(is_alive, processes))
    assert server.log.count('"stopped"') == 2


async def test_they_end_when_nobody_looks_after_them_any_more(server: ServerProcess) -> None:
    processes = workers(server)
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: not any(map(is_alive, processes)), "the end of the workers")


async def test_sqlite_is_for_one_process(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "sqlite:///one.db", arguments=["--workers", "2"])
    server.launch()
    assert await server.wait() == 2
    assert "HOLDFAST_WORKERS is 2, but SQLite's file is for one process only" in server.log


async def test_a_port_that_another_server_has_is_refused_once(
    server: ServerProcess, postgres_url: str, tmp_path: Path
) -> None:
    port = str(server.port)
    for arguments in (["--workers", "2"], []):
        second = ServerProcess(tmp_path, postgres_url, arguments=["--port", port, *arguments])
        second.launch()
        assert await second.wait() == 1
        assert second.log.count("is in use") == 1
