"""Each test is a tenant of its own on a server that many share, and that it may restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import holdfastdb
from holdfastdb import Recorder
from tests.support.clients import FAST_RECONNECT
from tests.support.servers import ServerProcess
from tests.support.waiting import patient


@pytest.fixture
def blocking_client(shared_server: ServerProcess, tenant: str) -> Iterator[holdfastdb.Client]:
    """A blocking client of the tenant, on each engine in turn."""
    with holdfastdb.connect_sync(
        shared_server.target, namespace=tenant, timeout=patient(10), options=FAST_RECONNECT
    ) as client:
        yield client


@pytest.fixture
def recorder(shared_server: ServerProcess, tenant: str) -> Iterator[Recorder]:
    """A recorder of the tenant, on each engine in turn."""
    with Recorder(shared_server.target, namespace=tenant, options=FAST_RECONNECT) as recorder:
        yield recorder


def restart(server: ServerProcess) -> None:
    """Stop the server and start it, where nothing is asynchronous."""
    asyncio.run(server.restart())
