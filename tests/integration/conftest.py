"""Clients of the server that many tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history_pb
from tests.integration.clients import connected
from tests.integration.hostile import Raw
from tests.support.command_line import CommandLine
from tests.support.servers import ServerProcess


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
