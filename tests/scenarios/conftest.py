"""Each test is a tenant of its own on a server that many share, and that it may restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

import holdfastdb
from tests.integration.clients import QUICK, connected
from tests.support.servers import ServerProcess


@pytest.fixture
async def client(shared_server: ServerProcess, tenant: str) -> AsyncIterator[holdfastdb.AsyncClient]:
    """A client of the tenant, on each engine in turn."""
    async with connected(shared_server, namespace=tenant) as client:
        yield client


@pytest.fixture
def blocking_client(shared_server: ServerProcess, tenant: str) -> Iterator[holdfastdb.Client]:
    """A blocking client of the tenant, on each engine in turn."""
    with holdfastdb.connect_sync(shared_server.target, namespace=tenant, options=QUICK) as client:
        yield client


def restart(server: ServerProcess) -> None:
    """Stop the server and start it, where nothing is asynchronous."""
    asyncio.run(server.restart())
