"""EventStore.append."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import EventIdTaken, SequenceMismatch, SessionNotFound
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.messages import Message, Step, Text
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, history, move, note, notes

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


async def test_if_all_events_exist_the_expectation_is_not_checked(store: Store) -> None:
    first = await store.events.append(NAMESPACE, "s", notes(2), 0)
    assert await store.events.append(NAMESPACE, "s", notes(2), 0) == first
    await append(store, note("later"))
    again = await store.events.append(NAMESPACE, "s", notes(2), 0)
    assert (again.receipts, again.last_sequence) == (first.receipts, 3)


async def test_if_some_events_exist_the_expectation_is_checked(store: Store) -> None:
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
