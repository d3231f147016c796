"""EventStore.tail: when a tail reads, and what it does about signals and reads that fail."""

from __future__ import annotations

from collections import Counter

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.domain.events import CaughtUp
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.signals import Watch
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import append, note, notes
from tests.support.stores import OpenStore
from tests.support.tailing import following
from tests.support.waiting import PATIENCE, eventually


class Observer(NoObserver):
    """Remembers what it is told of tails."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.delivered: list[int] = []

    def tails_open(self, count: int) -> None:
        self.open.append(count)

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        assert 0 <= lag_seconds < PATIENCE
        self.delivered.append(events)


@pytest.fixture
def observer() -> Observer:
    """The observer of the store."""
    return Observer()


@pytest.fixture
async def store(open_store: OpenStore, observer: Observer) -> SqlStore:
    """A store that does not poll while a test lasts."""
    return await open_store(poll_interval=PATIENCE * 10, observer=observer)


@pytest.fixture
def reads(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often tails have read last sequences and pages of events."""
    counts: Counter[str] = Counter()
    for owner, name in ((store._reads, "last_sequence"), (store._tails._pages, "of_session")):
        monkeypatch.setattr(owner, name, _counted(counts, name, getattr(owner, name)))
    return counts


def _counted(counts: Counter[str], name: str, method: object) -> object:
    assert callable(method)

    def read(*arguments: object, **named: object) -> object:
        counts[name] += 1
        return method(*arguments, **named)

    return read


async def work_elsewhere(store: Store) -> None:
    """Write to another session, for which a tail that does not wait would read many times."""
    for _ in range(20):
        await append(store, note(), session_id="first")


async def test_a_tail_that_waits_reads_nothing(store: SqlStore, reads: Counter[str]) -> None:
    async with following(store) as tail:
        await tail.until_caught_up()
        await append(store, note("live"))
        await tail.until_sequence(1)
        before = reads["last_sequence"]
        await work_elsewhere(store)
        assert reads["last_sequence"] - before < 5


async def test_a_tail_that_is_woken_in_vain_reads_no_events(store: SqlStore, reads: Counter[str]) -> None:
    async with following(store) as tail:
        await tail.until_caught_up()
        before = reads.copy()
        store._signals.wake_all()
        await eventually(lambda: reads["last_sequence"] > before["last_sequence"])
        await append(store, note("live"))
        await tail.until_sequence(1)
        assert reads["of_session"] == before["of_session"] + 1


async def test_a_poll_wakes_the_tails_that_have_missed_a_signal_and_no_others(
    store: SqlStore, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(store) as tail, following(store, session_id="last") as idle:
        await tail.until_caught_up()
        await idle.until_caught_up()
        before = reads["last_sequence"]
        await store._tails.poll()
        await work_elsewhere(store)
        assert reads["last_sequence"] == before
        with monkeypatch.context() as patched:
            patched.setattr(Watch, "wake", lambda watch: None)
            await append(store, note("missed"))
        assert tail.events == []
        await store._tails.poll()
        await tail.until_sequence(1)


async def test_a_tail_whose_read_fails_reads_again_at_the_next_signal(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []
    last_sequence = store._reads.last_sequence

    async def read(session_key: int) -> int | None:
        attempts.append(session_key)
        if len(attempts) == 1:
            raise DatabaseUnavailable
        return await last_sequence(session_key)

    monkeypatch.setattr(store._reads, "last_sequence", read)
    async with following(store) as tail:
        await eventually(lambda: bool(attempts))
        await work_elsewhere(store)
        assert len(attempts) == 1
        store._signals.wake_all()
        await tail.until_caught_up()


async def test_a_tail_whose_read_fails_reads_again_after_the_poll_interval(
    store: SqlStore, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.close()
    store = await open_store(poll_interval=0.01)
    errors = [DatabaseUnavailable(), DatabaseUnavailable()]
    last_sequence = store._reads.last_sequence

    async def read(session_key: int) -> int | None:
        if errors:
            raise errors.pop()
        return await last_sequence(session_key)

    monkeypatch.setattr(store._reads, "last_sequence", read)
    async with following(store) as tail:
        await tail.until_caught_up()


async def test_an_event_that_is_appended_between_two_reads_of_a_tail_comes_once(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(store, note("before"))
    between = notes(2, "between")
    last_sequence = store._reads.last_sequence

    async def read(session_key: int) -> int | None:
        last = await last_sequence(session_key)
        if between:
            added = [*between]
            between.clear()
            await append(store, *added)
        return last

    monkeypatch.setattr(store._reads, "last_sequence", read)
    async with following(store) as tail:
        await tail.until_sequence(3)
        await append(store, note("live"))
        await tail.until_sequence(4)
        assert tail.sequences == [1, 2, 3, 4]
        assert tail.caught_up == [CaughtUp(1)]


async def test_open_tails_and_delivered_events_are_measured(store: SqlStore, observer: Observer) -> None:
    await append(store, *notes(3))
    async with following(store) as tail:
        await tail.until_caught_up()
        async with following(store, None) as other:
            await other.until_caught_up()
    assert observer.open == [1, 2, 1, 0]
    assert observer.delivered == [3]
