"""Servers that the tests of one file share: starting one takes longer than most tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

import holdfast
from holdfast.v1 import history_service_pb2 as history_pb
from tests.integration.clients import connected
from tests.integration.hostile import Raw
from tests.support.servers import ServerProcess


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server for all tests of a file, on each engine in turn. At the end its log must show no bug.

    It has metrics. Tests keep apart by sessions of their own.
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
async def client(shared_server: ServerProcess) -> AsyncIterator[holdfast.AsyncClient]:
    """A client of the shared server."""
    async with connected(shared_server) as client:
        yield client


@pytest.fixture
async def session_id(client: holdfast.AsyncClient) -> str:
    """A session of the test's own on the shared server."""
    session = await client.sessions.create(f"session-{uuid4()}")
    return session.session_id


@pytest.fixture
async def raw(client: holdfast.AsyncClient, session_id: str) -> Raw:
    """Raw calls to the shared server, and a session with one event and one state."""
    raw = Raw(client, session_id)
    await raw(raw.append(history_pb.Event(event_id="first", type="note")))
    await client.states.save(session_id, {"a": 1}, "kept")
    return raw
