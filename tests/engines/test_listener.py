"""Listener: what other servers announce wakes the waiters of this one, whatever happens to its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from holdfastdb_server.storage.postgres.notify import CHANNEL, Listener
from holdfastdb_server.storage.signals import Signals, Watch
from tests.support.waiting import PATIENCE, eventually, patient

# In pg_stat_activity a listener's last statement is its LISTEN.
_LISTENING = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"


@pytest.fixture
def signals() -> Signals:
    """What the listener wakes."""
    return Signals()


@pytest.fixture
def watch(signals: Signals) -> Iterator[Watch]:
    """A waiter for the topic `mine`."""
    with signals.watch("mine") as watch:
        yield watch


@pytest.fixture
def other(signals: Signals) -> Iterator[Watch]:
    """A waiter for another topic."""
    with signals.watch("other") as watch:
        yield watch


@pytest.fixture
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The connection of another server."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
def retry_seconds() -> float:
    """Longer than any test."""
    return 3_600.0


@pytest.fixture
async def running(
    postgres_url: str, signals: Signals, watch: Watch, retry_seconds: float
) -> AsyncIterator[asyncio.Task[None]]:
    """A listener that listens, and has woken those who waited before it did."""
    listener = Listener(postgres_url, signals, PATIENCE, retry_seconds)
    running = asyncio.create_task(listener.run())
    await woken(watch)
    yield running
    await stopped(running)


async def woken(watch: Watch) -> None:
    """Return when a waiter was woken, which then waits again."""
    async with asyncio.timeout(patient(5)):
        await watch.wait()
    watch.clear()


async def stopped(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.usefixtures("running")
async def test_a_notification_wakes_the_waiters_of_its_topics(
    watch: Watch, other: Watch, connection: asyncpg.Connection
) -> None:
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, "nobody's\nmine")
    await woken(watch)
    assert not other._changed.is_set()


@pytest.mark.usefixtures("running")
async def test_a_notification_for_all_wakes_all(
    watch: Watch, other: Watch, connection: asyncpg.Connection
) -> None:
    await connection.execute("SELECT pg_notify($1, '*')", CHANNEL)
    await asyncio.gather(woken(watch), woken(other))


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("retry_seconds", [0.0])
async def test_a_lost_connection_is_replaced_and_all_are_woken(
    watch: Watch, other: Watch, connection: asyncpg.Connection
) -> None:
    await connection.execute(f"SELECT pg_terminate_backend(pid) {_LISTENING}")
    await asyncio.gather(woken(watch), woken(other))
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, "mine")
    await woken(watch)


async def test_a_listener_that_stops_closes_its_connection(
    running: asyncio.Task[None], connection: asyncpg.Connection
) -> None:
    async def listening() -> int:
        return int(await connection.fetchval(f"SELECT count(*) {_LISTENING}"))

    assert await listening() == 1
    await stopped(running)

    async def is_closed() -> bool:
        return await listening() == 0

    await eventually(is_closed, "no connection that listens", within=patient(5))


@pytest.mark.parametrize(("seconds", "is_tried_again"), [(3_600.0, False), (0.0, True)])
async def test_a_server_that_refuses_is_tried_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, signals: Signals, seconds: float, is_tried_again: bool
) -> None:
    timeouts = []

    async def refuse(url: str, *, timeout: float | None = None) -> Any:
        timeouts.append(timeout)
        # Lets the test stop it.
        await asyncio.sleep(0)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncpg, "connect", refuse)
    running = asyncio.create_task(Listener("postgresql://localhost/none", signals, 7.5, seconds).run())
    for _ in range(100):
        await asyncio.sleep(0)
    await stopped(running)
    assert set(timeouts) == {7.5}
    assert (len(timeouts) > 1) == is_tried_again
