"""Signals: who is woken by what, and that nothing is kept of those who wait no more."""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.errors import ServerDraining
from holdfastdb_server.storage.signals import Signals
from tests.support.waiting import PATIENCE


async def test_those_who_watch_a_topic_are_woken_until_they_clear() -> None:
    signals = Signals()
    with signals.watch("a", "b") as both, signals.watch("b") as other:
        signals.wake({"a", "c"})
        async with asyncio.timeout(PATIENCE):
            await both.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await other.wait()
        both.clear()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await both.wait()
        signals.wake_all()
        async with asyncio.timeout(PATIENCE):
            await both.wait()
            await other.wait()


async def test_a_wait_ends_after_its_seconds() -> None:
    with Signals().watch("a") as watch:
        async with asyncio.timeout(PATIENCE):
            await watch.wait(0.01)


async def test_nothing_is_kept_of_who_waits_no_more() -> None:
    signals = Signals()
    with signals.watch("a"):
        with signals.watch("a", "b"):
            pass
        assert [len(watches) for watches in signals._watches.values()] == [1]
    assert not signals._watches


async def test_when_the_server_stops_all_are_woken_and_nobody_may_wait() -> None:
    signals = Signals()
    with signals.watch("a") as watch:
        signals.check_open()
        signals.drain()
        async with asyncio.timeout(PATIENCE):
            await watch.wait()
        with pytest.raises(ServerDraining):
            signals.check_open()
    with pytest.raises(ServerDraining), signals.watch("a"):
        pass
