"""EventStore.tail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.events import CaughtUp, Event, EventFilter, Replacement
from holdfastdb_server.domain.limits import MEBIBYTE, PAGE_BYTES
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import EVERYTHING, NAMESPACE, append, create, history, move, note, notes
from tests.support.stores import OpenStore
from tests.support.tailing import following
from tests.support.waiting import PATIENCE


def open_tail(store: Store, after: int | None = 0) -> AsyncGenerator[Sequence[Event] | CaughtUp]:
    """A tail to be read by hand."""
    iterator = store.events.tail(NAMESPACE, "s", after, EVERYTHING)
    assert isinstance(iterator, AsyncGenerator)
    return iterator


async def test_what_is_there_comes_first_then_caught_up_then_what_is_appended(store: Store) -> None:
    await append(store, *notes(3))
    async with following(store) as tail:
        await tail.until_caught_up()
        assert tail.sequences == [1, 2, 3]
        assert tail.yielded[-1] == CaughtUp(3)
        await append(store, *notes(2, "live"))
        await tail.until_sequence(5)
        assert tail.events == await history(store)
        assert tail.caught_up == [CaughtUp(3)]


async def test_an_empty_history_is_caught_up_at_once(store: Store) -> None:
    async with following(store) as tail:
        await tail.until_caught_up()
        assert tail.yielded == [CaughtUp(0)]


@pytest.mark.parametrize("after", [1, 4, 5])
async def test_a_tail_starts_after_its_sequence(store: Store, after: int) -> None:
    await append(store, *notes(5))
    async with following(store, after) as tail:
        await tail.until_caught_up()
        await append(store, note("live"))
        await tail.until_sequence(6)
        assert tail.sequences == list(range(after + 1, 7))


async def test_a_tail_of_only_new_events_starts_after_the_newest(store: Store) -> None:
    await append(store, *notes(5))
    async with following(store, None) as tail:
        await tail.until_caught_up()
        assert tail.yielded == [CaughtUp(5)]
        await append(store, note("live"))
        await tail.until_sequence(6)
        assert tail.sequences == [6]


async def test_a_tail_yields_only_what_matches(store: Store) -> None:
    await append(store, note("a1", actor="a"), note("b1", actor="b"))
    async with following(store, where=EventFilter(actor="a")) as tail:
        await tail.until_caught_up()
        await append(store, note("b2", actor="b"))
        await append(store, note("a2", actor="a"), note("b3", actor="b"))
        await append(store, note("a3", actor="a"))
        await tail.until_sequence(6)
        assert [event.event_id for event in tail.events] == ["a1", "a2", "a3"]
        assert tail.caught_up == [CaughtUp(2)]


async def test_a_filter_that_matches_nothing_is_caught_up_all_the_same(store: Store) -> None:
    await append(store, *notes(600))
    async with following(store, where=EventFilter(types=["absent.*"])) as tail:
        await tail.until_caught_up()
        assert tail.yielded == [CaughtUp(600)]


async def test_a_long_history_comes_in_order_and_each_event_once(store: Store) -> None:
    for start in range(0, 3_000, 1_000):
        await append(store, *(note(f"e{start + n}") for n in range(1_000)))
    async with following(store) as tail:
        await tail.until_caught_up()
        assert tail.sequences == list(range(1, 3_001))


async def test_large_events_come_in_batches_below_the_page_bytes(store: Store) -> None:
    for number in range(8):
        await append(store, note(f"e{number}", body=Payload(data=bytes(MEBIBYTE))))
    iterator = open_tail(store)
    sequences: list[int] = []
    async for item in iterator:
        if isinstance(item, CaughtUp):
            break
        assert len(item) <= PAGE_BYTES // MEBIBYTE
        sequences += [event.sequence for event in item]
    await iterator.aclose()
    assert sequences == list(range(1, 9))


async def test_batches_are_never_empty(store: Store) -> None:
    await append(store, *notes(3))
    iterator = open_tail(store)
    assert await anext(iterator) == await history(store)
    assert await anext(iterator) == CaughtUp(3)
    pending = asyncio.ensure_future(anext(iterator))
    await append(store, note("live"))
    batch = await pending
    assert isinstance(batch, list)
    assert [event.event_id for event in batch] == ["live"]
    await iterator.aclose()


async def test_events_of_many_appenders_come_in_order_and_each_once(store: Store) -> None:
    async with following(store) as early, following(store, where=EventFilter(types=["note"])) as other:

        async def appender(name: str) -> None:
            for number in range(10):
                await append(store, *notes(2, f"{name}-{number}-"))

        writers = asyncio.gather(*(appender(f"w{number}") for number in range(8)))
        async with following(store) as late:
            await writers
            for tail in (early, other, late):
                await tail.until_sequence(160)
                assert tail.sequences == list(range(1, 161))
                assert len(tail.caught_up) == 1


async def test_what_a_tail_yields_is_what_the_history_holds(store: Store) -> None:
    async with following(store) as tail:
        await move(store, "s", SessionStatus.ACTIVE)
        await append(store, note("e", "text", actor="a", labels={"l": "1"}))
        await store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.FAILED, "why", "who"))
        await tail.until_sequence(3)
        assert tail.events == await history(store)
        assert tail.events[-1].type == "holdfast.session.failed"


async def test_a_slow_reader_misses_nothing_and_slows_down_nobody(store: Store) -> None:
    slow = open_tail(store)
    assert await anext(slow) == CaughtUp(0)
    async with following(store) as quick:
        for number in range(10):
            await append(store, *(note(f"e{number}-{n}") for n in range(100)))
        await quick.until_sequence(1_000)
    sequences: list[int] = []
    while len(sequences) < 1_000:
        item = await anext(slow)
        assert not isinstance(item, CaughtUp)
        sequences += [event.sequence for event in item]
    assert sequences == list(range(1, 1_001))
    await slow.aclose()


async def test_a_tail_goes_over_removed_events(store: Store) -> None:
    await append(store, *notes(5))
    async with following(store) as tail:
        await tail.until_caught_up()
        replacement = Replacement(newest=2, events=tuple(notes(2, "new")))
        await store.events.replace(NAMESPACE, "s", replacement)
        await tail.until_sequence(8)
        assert tail.sequences == [1, 2, 3, 4, 5, 6, 7, 8]
    async with following(store) as tail:
        await tail.until_caught_up()
        assert tail.sequences == [1, 2, 3, 6, 7, 8]


async def test_removal_of_all_that_was_still_to_come_does_not_stop_a_tail(store: Store) -> None:
    await append(store, *(note(f"e{n}") for n in range(600)))
    iterator = open_tail(store)
    first = await anext(iterator)
    assert not isinstance(first, CaughtUp)
    await store.events.replace(NAMESPACE, "s", Replacement())
    items: list[Event | CaughtUp] = []
    while len(items) < 2:
        item = await anext(iterator)
        items += [item] if isinstance(item, CaughtUp) else item
    await iterator.aclose()
    assert {item.last_sequence for item in items if isinstance(item, CaughtUp)} == {600}
    assert [item.sequence for item in items if isinstance(item, Event)] == [601]


async def test_tails_of_different_sessions_do_not_mix(store: Store) -> None:
    await create(store, "other")
    async with following(store) as ours, following(store, session_id="other") as theirs:
        await append(store, *notes(2, "ours"))
        await append(store, *notes(3, "theirs"), session_id="other")
        await ours.until_sequence(2)
        await theirs.until_sequence(3)
        assert {event.session_id for event in ours.events} == {"s"}
        assert {event.session_id for event in theirs.events} == {"other"}


@pytest.mark.postgres
class TestReplicas:
    """Two stores on one database; only PostgreSQL can have them."""

    @pytest.fixture(autouse=True)
    async def session(self, two_stores: tuple[SqlStore, SqlStore]) -> None:
        """Every test here has a session `s`."""
        await create(two_stores[0])

    async def test_a_tail_gets_what_is_appended_through_either_store(
        self, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        here, there = two_stores
        async with following(here) as tail:
            await tail.until_caught_up()

            async def appender(store: Store, name: str) -> None:
                for number in range(20):
                    await append(store, note(f"{name}{number}"))

            await asyncio.gather(
                *(appender(store, f"{n}-{id(store)}-") for store in two_stores for n in range(4))
            )
            await tail.until_sequence(160)
            assert tail.sequences == list(range(1, 161))
            assert tail.events == await history(there)

    async def test_deleting_through_one_store_ends_the_tails_of_the_other(
        self, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        here, there = two_stores
        async with following(here) as tail:
            await tail.until_caught_up()
            await there.sessions.delete(NAMESPACE, "s")
            assert isinstance(await tail.until_ended(), SessionNotFound)

    async def test_a_write_through_one_store_is_read_through_the_other_at_once(
        self, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        here, there = two_stores
        for number in range(1, 21):
            writer, reader = (here, there) if number % 2 else (there, here)
            assert await append(writer, note(f"e{number}")) == [number]
            assert (await reader.sessions.get(NAMESPACE, "s")).last_sequence == number
            assert len(await history(reader)) == number


async def test_what_a_caller_did_not_wait_for_is_delivered_too(
    store: SqlStore, open_store: OpenStore
) -> None:
    await store.close()
    store = await open_store(poll_interval=PATIENCE * 10)
    async with following(store) as tail:
        await tail.until_caught_up()
        added = Replacement(newest=1, events=notes(1))
        writing = asyncio.create_task(store.events.replace(NAMESPACE, "s", added))
        for _ in range(100):
            # Checked after each step of the event loop: later the write may be done.
            if store._database._writes:
                break
            await asyncio.sleep(0)
        assert store._database._writes
        writing.cancel()
        await tail.until_sequence(1)
