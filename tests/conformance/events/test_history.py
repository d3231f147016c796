"""EventStore.append."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import EventIdTaken, HoldfastError, SequenceMismatch, SessionNotFound
from holdfastdb_server.domain.events import AppendResult, Event, EventKind, Replacement
from holdfastdb_server.domain.messages import Message, Step, Text
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionDraft,
    SessionFields,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StatePatch, StateSelection, StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, history, message, move, note, notes
from tests.support.stores import OpenStore

TITLE = frozenset({"title"})
FULL: dict[str, Any] = {
    "type": "tool.finished",
    "actor": "agent",
    "run_id": "run",
    "task_id": "task",
    "body": Payload(json='{"a": 1}'),
    "labels": {"k": "v"},
    "trace_id": "trace",
    "event_time": datetime(2024, 2, 29, 12, 30, 15, 123456, UTC),
}
OTHER: dict[str, Any] = {
    "type": "tool.failed",
    "actor": "",
    "run_id": "run 2",
    "task_id": "task 2",
    "body": Payload(json='{"a":1}'),
    "labels": {"k": "v", "l": "w"},
    "trace_id": "",
    "event_time": datetime(2024, 2, 29, 12, 30, 15, 123457, UTC),
}


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """Every test here has a session `s`."""
    await create(store)


def full(**changed: Any) -> Event:
    return note("e1", **{**FULL, **changed})


async def unchanged(store: Store, before: list[Event]) -> bool:
    last = before[-1].sequence if before else 0
    session = await store.sessions.get(NAMESPACE, "s")
    return await history(store) == before and session.last_sequence == last


async def test_events_get_the_next_sequences_in_their_order(store: Store) -> None:
    assert await append(store, *notes(3)) == [1, 2, 3]
    assert await append(store, *notes(2, "more")) == [4, 5]
    ids = [(event.sequence, event.event_id) for event in await history(store)]
    assert ids == [(1, "e1"), (2, "e2"), (3, "e3"), (4, "more1"), (5, "more2")]


async def test_the_receipts_say_what_became_of_each_event(store: Store) -> None:
    before = datetime.now(UTC)
    appended = await store.events.append(NAMESPACE, "s", notes(2))
    assert [(receipt.event_id, receipt.sequence) for receipt in appended.receipts] == [("e1", 1), ("e2", 2)]
    for receipt in appended.receipts:
        assert before <= receipt.create_time <= datetime.now(UTC)
    assert appended.last_sequence == 2
    assert (await store.sessions.get(NAMESPACE, "s")).last_sequence == 2
    assert [event.create_time for event in await history(store)] == [r.create_time for r in appended.receipts]


BODIES = [
    None,
    Payload(json="[1]"),
    Payload(data=b"\x00\xff"),
    Message("user", (Text("hi"),)),
    Step("t", "a", "o", "1"),
]


@pytest.mark.parametrize("body", BODIES, ids=["none", "json", "data", "message", "step"])
async def test_an_event_is_kept_whole(store: Store, body: Any) -> None:
    sent = full(body=body)
    await append(store, sent)
    (kept,) = await history(store)
    assert kept == replace(sent, session_id="s", sequence=1, create_time=kept.create_time)


async def test_an_event_without_a_time_happened_when_it_was_appended(store: Store) -> None:
    await append(store, note("e1"))
    (event,) = await history(store)
    assert event.event_time == event.create_time
    assert event.create_time is not None
    assert event.create_time.utcoffset() == timedelta(0)


TIMES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 3, 31, 2, 30, 0, 1, timezone(timedelta(hours=5, minutes=45))),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
]


@pytest.mark.parametrize("time", TIMES, ids=str)
async def test_event_times_are_kept_to_the_microsecond(store: Store, time: datetime) -> None:
    await append(store, note("e1", event_time=time))
    (event,) = await history(store)
    assert event.event_time == time
    assert await append(store, note("e1", event_time=time)) == [1]


async def test_an_event_without_an_id_gets_a_new_one(store: Store) -> None:
    appended = await store.events.append(NAMESPACE, "s", [note(), note(), note()])
    ids = [receipt.event_id for receipt in appended.receipts]
    assert len(set(ids)) == 3
    assert {UUID(event_id).version for event_id in ids} == {7}
    assert [event.event_id for event in await history(store)] == ids


async def test_an_event_that_is_there_gets_its_first_receipt(store: Store) -> None:
    first = await store.events.append(NAMESPACE, "s", [full(), *notes(2, "x")])
    before = await history(store)
    again = await store.events.append(NAMESPACE, "s", [full(), *notes(2, "x")])
    assert again == first
    assert await unchanged(store, before)


async def test_of_several_events_only_those_not_there_are_appended(store: Store) -> None:
    first = await store.events.append(NAMESPACE, "s", notes(3))
    second = await store.events.append(NAMESPACE, "s", [note("new1"), *notes(3)[1:], note("new2")])
    assert [(r.event_id, r.sequence) for r in second.receipts] == [
        ("new1", 4),
        ("e2", 2),
        ("e3", 3),
        ("new2", 5),
    ]
    assert list(second.receipts[1:3]) == list(first.receipts[1:])
    assert second.last_sequence == 5


async def test_a_repeated_event_may_leave_its_time_to_the_store_again(store: Store) -> None:
    await append(store, full(event_time=None))
    assert await append(store, full(event_time=None)) == [1]
    await append(store, note("e2", event_time=FULL["event_time"]))
    assert await append(store, note("e2")) == [2]


@pytest.mark.parametrize("name", OTHER)
async def test_an_event_that_is_there_with_other_content_raises_event_id_taken(
    store: Store, name: str
) -> None:
    await append(store, note("before"), full())
    before = await history(store)
    with pytest.raises(EventIdTaken) as caught:
        await append(store, note("new"), full(**{name: OTHER[name]}))
    assert caught.value.metadata == {"session_id": "s", "event_id": "e1", "sequence": "2"}
    assert await unchanged(store, before)


async def test_an_event_id_may_be_used_in_every_session(store: Store) -> None:
    await create(store, "other")
    await append(store, note("e1", "here"))
    assert await append(store, note("e1", "there"), session_id="other") == [1]


async def test_the_id_of_an_event_of_the_servers_own_is_taken(store: Store) -> None:
    await move(store, "s", SessionStatus.ACTIVE)
    (own,) = await history(store)
    with pytest.raises(EventIdTaken):
        await append(store, note(own.event_id))


async def test_appending_to_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound) as caught:
        await append(store, note("e1"), session_id="absent")
    assert caught.value.metadata == {"session_id": "absent"}


async def test_an_append_at_the_expected_last_sequence_succeeds(store: Store) -> None:
    assert await append(store, *notes(2), expected=0) == [1, 2]
    assert await append(store, note("e3"), expected=2) == [3]


@pytest.mark.parametrize("expected", [0, 1, 3, 2**60])
async def test_an_append_at_another_last_sequence_raises_sequence_mismatch(
    store: Store, expected: int
) -> None:
    await append(store, *notes(2))
    before = await history(store)
    with pytest.raises(SequenceMismatch) as caught:
        await append(store, note("e3"), expected=expected)
    assert caught.value.metadata == {"session_id": "s", "expected": str(expected), "actual": "2"}
    assert await unchanged(store, before)


async def test_if_all_events_are_there_the_expectation_is_not_looked_at(store: Store) -> None:
    first = await store.events.append(NAMESPACE, "s", notes(2), 0)
    assert await store.events.append(NAMESPACE, "s", notes(2), 0) == first
    await append(store, note("later"))
    again = await store.events.append(NAMESPACE, "s", notes(2), 0)
    assert (again.receipts, again.last_sequence) == (first.receipts, 3)


async def test_if_some_events_are_there_the_expectation_is_looked_at(store: Store) -> None:
    await append(store, *notes(2))
    before = await history(store)
    with pytest.raises(SequenceMismatch):
        await append(store, *notes(3), expected=0)
    assert await unchanged(store, before)
    assert await append(store, *notes(3), expected=2) == [1, 2, 3]


async def test_appending_counts_as_activity_of_the_session(store: Store) -> None:
    before = await store.sessions.get(NAMESPACE, "s")
    appended = await store.events.append(NAMESPACE, "s", notes(1))
    after = await store.sessions.get(NAMESPACE, "s")
    assert after.last_activity_time == appended.receipts[0].create_time > before.last_activity_time
    assert (after.version, after.update_time) == (before.version, before.update_time)


@pytest.mark.parametrize("status", [status for status in SessionStatus if status.is_final])
async def test_the_history_stays_open_after_the_end(store: Store, status: SessionStatus) -> None:
    ended = await move(store, "s", status)
    assert await append(store, note("late")) == [ended.last_sequence + 1]


async def test_a_thousand_events_are_appended_at_once(store: Store) -> None:
    assert await append(store, *notes(1_000)) == list(range(1, 1_001))
    assert [event.event_id for event in await history(store)] == [f"e{n}" for n in range(1, 1_001)]


STEPS_AWAY = Replacement(newest=1, kinds=frozenset({EventKind.STEP}))


class TestAtOnce:
    """Any number of callers at once."""

    async def test_appenders_get_sequences_without_gaps_each_in_its_own_order(self, store: Store) -> None:
        async def appender(name: str) -> list[int]:
            taken: list[int] = []
            for number in range(10):
                taken += await append(store, note(f"{name}-{number}a"), note(f"{name}-{number}b"))
            return taken

        taken = await asyncio.gather(*(appender(f"w{number}") for number in range(16)))
        assert sorted(sequence for one in taken for sequence in one) == list(range(1, 321))
        by_sequence = {event.sequence: event.event_id for event in await history(store)}
        for number, sequences in enumerate(taken):
            assert sequences == sorted(sequences)
            # The two of one request stand together.
            assert all(
                second == first + 1 for first, second in zip(sequences[::2], sequences[1::2], strict=True)
            )
            assert by_sequence[sequences[0]] == f"w{number}-0a"

    async def test_appenders_with_expectations_lose_nothing(self, store: Store) -> None:
        async def appender(name: str) -> int:
            retries = 0
            for number in range(2):
                event = note(f"{name}-{number}")
                expected = (await store.sessions.get(NAMESPACE, "s")).last_sequence
                while True:
                    try:
                        await append(store, event, expected=expected)
                        break
                    except SequenceMismatch as mismatch:
                        expected = int(mismatch.metadata["actual"])
                        retries += 1
            return retries

        retries = await asyncio.gather(*(appender(f"w{number}") for number in range(16)))
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 33))
        assert len({event.event_id for event in events}) == 32
        assert sum(retries) > 0

    async def test_of_many_appends_at_one_expected_sequence_one_succeeds(self, store: Store) -> None:
        results = await asyncio.gather(
            *(append(store, note(f"e{n}"), expected=0) for n in range(16)), return_exceptions=True
        )
        assert results.count([1]) == 1
        assert sum(isinstance(result, SequenceMismatch) for result in results) == 15
        (event,) = await history(store)
        assert results[int(event.event_id[1:])] == [1]

    async def test_one_event_sent_many_times_is_there_once(self, store: Store) -> None:
        results = await asyncio.gather(*(append(store, note("e1"), note(f"own{n}")) for n in range(12)))
        events = await history(store)
        assert sorted(event.event_id for event in events) == sorted(["e1", *(f"own{n}" for n in range(12))])
        (first,) = [event.sequence for event in events if event.event_id == "e1"]
        assert {sequences[0] for sequences in results} == {first}

    async def test_one_id_with_different_contents_is_there_once(self, store: Store) -> None:
        results = await asyncio.gather(
            *(append(store, note("e1", f"text {n}")) for n in range(8)), return_exceptions=True
        )
        assert results.count([1]) == 1
        assert sum(isinstance(result, EventIdTaken) for result in results) == 7
        (event,) = await history(store)
        assert event.body == Payload(json=f'"text {results.index([1])}"')

    async def test_sessions_do_not_mix(self, store: Store) -> None:
        for number in range(20):
            await create(store, f"s{number}")
        await asyncio.gather(
            *(append(store, *notes(3, f"{n}-"), session_id=f"s{n}") for n in range(20) for _ in range(2))
        )
        for number in range(20):
            ids = [event.event_id for event in await history(store, f"s{number}")]
            assert ids == [f"{number}-1", f"{number}-2", f"{number}-3"]

    async def test_bad_requests_harm_none_of_their_neighbours(self, store: Store) -> None:
        await append(store, note("taken", "first"))
        bad = {
            7: append(store, note("bad7"), expected=7_000),
            23: append(store, note("bad23"), note("taken", "second")),
            31: append(store, note("bad31"), session_id="absent"),
        }
        requests = [bad.get(n) or append(store, note(f"good{n}"), note(f"also{n}")) for n in range(50)]
        results = await asyncio.gather(*requests, return_exceptions=True)
        failed = {n: type(result) for n, result in enumerate(results) if isinstance(result, BaseException)}
        assert failed == {7: SequenceMismatch, 23: EventIdTaken, 31: SessionNotFound}
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 1 + 1 + 2 * 47))
        assert not [event for event in events if event.event_id.startswith("bad")]

    async def test_what_no_database_takes_harms_none_of_its_neighbours(self, store: Store) -> None:
        """A batch that fails as a whole is carried out one by one."""
        unchecked = Event("bad", type="note", event_time="never")  # type: ignore[arg-type]
        bad = {5: append(store, unchecked)}
        requests = [bad.get(n) or append(store, note(f"good{n}"), note(f"also{n}")) for n in range(11)]
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [n for n, result in enumerate(results) if isinstance(result, Exception)] == [5]
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 21))
        assert not [event for event in events if event.event_id == "bad"]

    async def test_deleting_a_session_fails_only_its_own_appends(self, store: Store) -> None:
        await create(store, "doomed")
        results = await asyncio.gather(
            *(append(store, note(f"a{n}"), session_id="doomed") for n in range(10)),
            store.sessions.delete(NAMESPACE, "doomed"),
            *(append(store, note(f"b{n}"), session_id="doomed") for n in range(10)),
            *(append(store, note(f"c{n}")) for n in range(10)),
            return_exceptions=True,
        )
        assert not [result for result in results[21:] if isinstance(result, BaseException)]
        for result in results[:21]:
            assert not isinstance(result, BaseException) or isinstance(result, SessionNotFound)
        assert len(await history(store)) == 10


class TestCancelled:
    """A caller that goes away."""

    async def test_a_cancelled_append_is_there_whole_or_not_at_all(self, store: Store) -> None:
        for turns in range(12):
            task = asyncio.create_task(store.events.append(NAMESPACE, "s", notes(5, f"t{turns}-")))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await append(store, note("after"))
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert len(events) % 5 == 1
        assert sum(event.event_id == "after" for event in events) == 1
        for turns in range(12):
            assert sum(event.event_id.startswith(f"t{turns}-") for event in events) in (0, 5)

    async def test_a_cancelled_append_harms_none_of_its_neighbours(self, store: Store) -> None:
        tasks = [
            asyncio.create_task(store.events.append(NAMESPACE, "s", notes(2, f"{n}-"))) for n in range(30)
        ]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kept = [result for n, result in enumerate(results) if n % 3]
        assert all(isinstance(result, AppendResult) for result in kept)
        ids = {event.event_id for event in await history(store)}
        for number in range(30):
            assert (f"{number}-1" in ids) == (f"{number}-2" in ids)
            assert number % 3 == 0 or f"{number}-1" in ids

    @pytest.mark.parametrize("turns", [1, 3, 10, 30, 60])
    async def test_closing_waits_for_writes_whose_callers_have_gone(
        self, store: SqlStore, open_store: OpenStore, turns: int
    ) -> None:
        tasks = [
            asyncio.ensure_future(call)
            for call in (
                store.sessions.update(NAMESPACE, "s", SessionChange(SessionFields(title="new"), TITLE)),
                store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.ACTIVE)),
                store.events.append(NAMESPACE, "s", notes(3)),
            )
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await store.close()
        assert not store._database._writes
        assert all(task.done() for task in store._tasks)
        again = await open_store()
        session = await again.sessions.get(NAMESPACE, "s")
        assert len(await history(again)) == session.last_sequence
        assert session.version == 1 + bool(session.fields.title) + (session.status is SessionStatus.ACTIVE)

    async def test_cancelled_writers_of_every_kind_leave_the_store_usable(self, store: Store) -> None:
        await store.states.save(NAMESPACE, "s", [StateWrite("k", Payload(json="{}"))])
        for turns in range(8):
            calls = [
                store.sessions.create(NAMESPACE, SessionDraft(f"new{turns}")),
                store.sessions.update(NAMESPACE, "s", SessionChange(SessionFields(title=f"t{turns}"), TITLE)),
                store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.ACTIVE)),
                store.sessions.fork(NAMESPACE, "s", ForkDraft(f"fork{turns}")),
                store.states.save(NAMESPACE, "s", [StateWrite("k", Payload(json="{}"))]),
                store.states.patch(NAMESPACE, "s", StatePatch("k", '{"a":1}')),
                store.states.delete(NAMESPACE, "s", StateSelection(keys=["other"])),
                store.states.load(NAMESPACE, "s", "k"),
                store.events.replace(NAMESPACE, "s", STEPS_AWAY),
                store.sessions.get(NAMESPACE, "s"),
            ]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for _ in range(turns * 2):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert not isinstance(result, Exception) or isinstance(result, HoldfastError)
        # What was cancelled may still be carried out, before it or after: it removes no message.
        (sequence,) = await append(store, message("still here", event_id="last"))
        assert [event.sequence for event in await history(store) if event.event_id == "last"] == [sequence]
