"""Each test is a tenant of its own on a server that many share, and that it may restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import holdfastdb
from tests.support.clients import QUICK
from tests.support.servers import ServerProcess
from tests.support.waiting import patient


@pytest.fixture
def blocking_client(shared_server: ServerProcess, tenant: str) -> Iterator[holdfastdb.Client]:
    """A blocking client of the tenant, on each engine in turn."""
    with holdfastdb.connect_sync(
        shared_server.target, namespace=tenant, timeout=patient(10), options=QUICK
    ) as client:
        yield client


def restart(server: ServerProcess) -> None:
    """Stop the server and start it, where nothing is asynchronous."""
    asyncio.run(server.restart())
