"""EventStore.summarize."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import LimitExceeded, SessionNotFound
from holdfastdb_server.domain.events import Event, EventFilter, EventGrouping, EventKind, EventSummary
from holdfastdb_server.domain.limits import SUMMARY_GROUPS
from holdfastdb_server.domain.ports import Store
from tests.support.content import EVERYTHING, NAMESPACE, append, create, message, note, notes

TYPE, ACTOR, TIME = EventGrouping
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def summarize(
    store: Store, *groups: EventGrouping, bucket: int = 0, where: EventFilter = EVERYTHING
) -> Sequence[EventSummary]:
    return await store.events.summarize(NAMESPACE, "s", where, groups, bucket)


def at(seconds: float, **fields: Any) -> Event:
    return note(event_time=EPOCH + timedelta(seconds=seconds), **fields)


async def test_nothing_has_no_groups(store: Store) -> None:
    assert list(await summarize(store)) == []
    assert list(await summarize(store, TYPE, ACTOR, TIME, bucket=60)) == []


async def test_without_groups_all_events_are_counted(store: Store) -> None:
    await append(store, at(3, type="b"), at(1, type="a"), at(2))
    first, last = EPOCH + timedelta(seconds=1), EPOCH + timedelta(seconds=3)
    assert list(await summarize(store)) == [EventSummary(3, first, last)]


async def test_events_are_counted_by_type_in_byte_order(store: Store) -> None:
    types = ["b", "a", "B", "b", "ж", "a.x", "a"]
    await append(store, *(at(n, type=name) for n, name in enumerate(types)))
    found = [(s.type, s.count, s.actor, s.bucket_time) for s in await summarize(store, TYPE)]
    assert found == [(t, types.count(t), "", None) for t in sorted(set(types), key=str.encode)]


async def test_events_are_counted_by_actor_the_nameless_first(store: Store) -> None:
    actors = ["x", "", "X", "x", ""]
    await append(store, *(at(n, actor=name) for n, name in enumerate(actors)))
    found = [(s.actor, s.count, s.type) for s in await summarize(store, ACTOR)]
    assert found == [("", 2, ""), ("X", 1, ""), ("x", 2, "")]


@pytest.mark.parametrize("bucket", [1, 7, 60, 3_600, 86_400, 10_000_000])
async def test_events_are_counted_by_time_in_buckets_aligned_to_1970(store: Store, bucket: int) -> None:
    seconds = [0, 0.5, 59.999999, 60, 3_599, 3_600, 1_700_000_000.25, 1_700_000_001, -1, -0.000001, -86_400]
    await append(store, *(at(n) for n in seconds))
    counted: dict[int, int] = {}
    for second in seconds:
        start = int(second // bucket) * bucket
        counted[start] = counted.get(start, 0) + 1
    found = await summarize(store, TIME, bucket=bucket)
    wanted = [(EPOCH + timedelta(seconds=start), counted[start]) for start in sorted(counted)]
    assert [(s.bucket_time, s.count) for s in found] == wanted
    for summary in found:
        assert summary.bucket_time is not None
        end = summary.bucket_time + timedelta(seconds=bucket)
        assert summary.bucket_time <= summary.first_event_time <= summary.last_event_time < end


GROUPINGS = list(chain.from_iterable(combinations(EventGrouping, size) for size in range(4)))


@pytest.mark.parametrize("groups", GROUPINGS, ids=str)
async def test_groups_are_in_the_order_time_type_actor_whatever_was_asked_for(
    store: Store, groups: tuple[EventGrouping, ...]
) -> None:
    events = [
        at(second, type=event_type, actor=actor)
        for second in (70, 10, 130, 65)
        for event_type in ("b", "a")
        for actor in ("y", "", "x")
    ]
    await append(store, *events)

    def key(event: Event) -> tuple[Any, ...]:
        assert event.event_time is not None
        seconds = int((event.event_time - EPOCH).total_seconds())
        return (
            EPOCH + timedelta(seconds=seconds // 60 * 60) if TIME in groups else None,
            event.type if TYPE in groups else "",
            event.actor if ACTOR in groups else "",
        )

    keys = [key(event) for event in events]
    bucket = 60 if TIME in groups else 0
    for asked in (groups, groups[::-1]):
        found = await summarize(store, *asked, bucket=bucket)
        assert [(s.bucket_time, s.type, s.actor) for s in found] == sorted(set(keys))
        assert [s.count for s in found] == [keys.count(k) for k in sorted(set(keys))]


async def test_only_events_that_match_are_counted(store: Store) -> None:
    await append(store, *notes(3), message("hi"), note("x", actor="a", labels={"l": "1"}))
    (by_kind,) = await summarize(store, where=EventFilter(kinds=frozenset({EventKind.MESSAGE})))
    assert by_kind.count == 1
    (by_label,) = await summarize(store, TYPE, where=EventFilter(labels={"l": "1"}))
    assert (by_label.type, by_label.count) == ("note", 1)
    assert list(await summarize(store, TYPE, where=EventFilter(actor="nobody"))) == []


async def test_only_the_sessions_own_events_are_counted(store: Store) -> None:
    await create(store, "other")
    await append(store, *notes(3), session_id="other")
    await append(store, *notes(2))
    assert [summary.count for summary in await summarize(store, TYPE)] == [2]


async def test_summarizing_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.events.summarize(NAMESPACE, "absent", EVERYTHING, [], 0)


async def test_too_many_groups_raise_limit_exceeded(store: Store) -> None:
    for start in range(0, SUMMARY_GROUPS, 1_000):
        await append(store, *(note(type=f"t{start + n}") for n in range(1_000)))
    assert len(await summarize(store, TYPE)) == SUMMARY_GROUPS
    await append(store, note(type="one more"))
    with pytest.raises(LimitExceeded) as caught:
        await summarize(store, TYPE)
    assert caught.value.metadata["maximum"] == str(SUMMARY_GROUPS)
    assert len(await summarize(store)) == 1


async def test_no_more_groups_are_counted_than_tell_that_there_are_too_many(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUMMARY_GROUPS", 2)
    await append(store, *(note(type=f"t{number}") for number in range(9)))
    with pytest.raises(LimitExceeded) as caught:
        await summarize(store, TYPE)
    assert caught.value.metadata == {"limit": "groups", "actual": "3", "maximum": "2"}


@pytest.mark.parametrize("bucket", [604_800, 3_155_760_000, 315_576_000_000])
async def test_times_at_the_ends_of_the_calendar_are_counted(store: Store, bucket: int) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
    times = (first, first + timedelta(days=1), EPOCH, last)
    await append(store, *(note(event_time=time) for time in times))
    (whole,) = await summarize(store)
    assert (whole.count, whole.first_event_time, whole.last_event_time) == (4, first, last)
    groups = await summarize(store, TIME, bucket=bucket)
    assert sum(group.count for group in groups) == 4
    # A bucket that would begin before the calendar begins with it.
    assert groups[0].bucket_time == first
