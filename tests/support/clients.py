"""Clients for servers that stop and start, and raw calls with their errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import grpc
import pytest

import holdfastdb
from holdfastdb._transport.rpc_errors import from_rpc_error
from tests.support.servers import ServerProcess
from tests.support.waiting import patient

FAST_RECONNECT = (
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 100),
    # Channels of one process share their connections otherwise.
    ("grpc.use_local_subchannel_pool", 1),
)
"""Channel options with which a server that a test starts again is found at once."""

_NO_RETRIES = (("grpc.enable_retries", 0),)
T = TypeVar("T")


@asynccontextmanager
async def connected(
    server: ServerProcess, *, retries: bool = True, **options: Any
) -> AsyncIterator[holdfastdb.AsyncClient]:
    """Give a client of the server. `options` are those of `holdfastdb.connect`; the deadline grows with the
    machine's load.
    """
    chosen = FAST_RECONNECT if retries else FAST_RECONNECT + _NO_RETRIES
    options = {"timeout": patient(10), "options": chosen, **options}
    async with holdfastdb.connect(server.target, **options) as client:
        yield client


async def failure(call: Awaitable[object]) -> holdfastdb.HoldfastError:
    """Return how a raw call fails, as the client would raise it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def history(client: holdfastdb.AsyncClient, session_id: str) -> list[holdfastdb.Event]:
    """Return all events of a session."""
    return [event async for event in client.history.list(session_id, page_size=1_000)]


async def take(events: AsyncIterator[holdfastdb.Event], count: int) -> list[holdfastdb.Event]:
    """Return the next events of a tail."""
    return [await anext(events) for _ in range(count)]


async def outcomes(*calls: Awaitable[T]) -> tuple[list[T], list[holdfastdb.HoldfastError]]:
    """Await calls beside each other; return the answers and the errors."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    answers, errors = [], []
    for outcome in found:
        if isinstance(outcome, holdfastdb.HoldfastError):
            errors.append(outcome)
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            answers.append(outcome)
    return answers, errors
