"""EventStore.list: filters, order and paging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.events import Event, EventFilter, EventKind, Replacement
from holdfastdb_server.domain.limits import MEBIBYTE, PAGE_BYTES
from holdfastdb_server.domain.messages import Message, Step, Text
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import EVERYTHING, NAMESPACE, append, message, move, note, notes, pages, read_all
from tests.support.events import lister


async def found(store: Store, *, size: int = 1_000, descending: bool = False, **where: Any) -> list[str]:
    """Return the ids of the events that match."""
    events = await read_all(lister(store, EventFilter(**where)), size=size, descending=descending)
    return [event.event_id for event in events]


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    page = await store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(10, with_total=True))
    assert page == Page([], None, 0)


async def test_listing_in_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.events.list(NAMESPACE, "absent", EVERYTHING, PageRequest(10))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 6, 7, 8, 1_000])
async def test_paging_returns_each_event_once_in_order(store: Store, size: int, descending: bool) -> None:
    await append(store, *notes(7))
    read = [page async for page in pages(lister(store), size, descending=descending)]
    sequences = [event.sequence for page in read for event in page.items]
    assert sequences == (list(range(7, 0, -1)) if descending else list(range(1, 8)))
    assert all(len(page.items) == size for page in read[:-1])
    assert read[-1].items


async def test_the_cursor_is_the_sequence(store: Store) -> None:
    await append(store, *notes(4))
    assert (await store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(3))).next == (3,)


async def test_events_appended_while_paging_upward_are_read_too(store: Store) -> None:
    await append(store, *notes(4))
    seen: list[int] = []
    async for page in pages(lister(store), 3):
        seen += [event.sequence for event in page.items]
        if len(seen) < 8:
            await append(store, *notes(3, f"more{len(seen)}-"))
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= 8


async def test_events_are_bounded_by_sequences_exclusively(store: Store) -> None:
    await append(store, *notes(9))
    for after in (0, 1, 5, 9, 100):
        for before in (0, 1, 2, 6, 9, 10, 100):
            wanted = [n for n in range(1, 10) if n > after and (before == 0 or n < before)]
            for descending in (False, True):
                events = await read_all(
                    lister(store, after=after, before=before), size=2, descending=descending
                )
                sequences = [event.sequence for event in events]
                assert sequences == (wanted[::-1] if descending else wanted), (after, before)


async def test_the_newest_events_are_read_by_one_descending_page(store: Store) -> None:
    await append(store, *notes(20))
    page = await store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(3, descending=True))
    assert [event.sequence for event in page.items] == [20, 19, 18]


async def test_types_match_exactly_or_by_prefix(store: Store) -> None:
    types = ["tool", "tool.a", "tool.b", "tool.b.c", "Tool.a", "toolx", "tool_", "tool.", "%", "жук.a"]
    await append(store, *(note(name, type=name) for name in types))
    assert await found(store, types=["tool"]) == ["tool"]
    assert await found(store, types=["tool.*"]) == ["tool.a", "tool.b", "tool.b.c", "tool."]
    assert await found(store, types=["tool.b.*", "tool", "toolx"]) == ["tool", "tool.b.c", "toolx"]
    assert await found(store, types=["жук.*", "%"]) == ["%", "жук.a"]
    assert await found(store, types=["tool_.*", "*", "too*"]) == []


async def test_types_of_the_servers_own_are_found(store: Store) -> None:
    await move(store, "s", SessionStatus.COMPLETED)
    await append(store, note("e"))
    assert len(await found(store, types=["holdfast.*"])) == 2
    assert len(await found(store, types=["holdfast.session.completed"])) == 1


async def test_any_of_the_wanted_kinds_matches(store: Store) -> None:
    await append(
        store,
        note("empty"),
        note("message", type="", body=Message("user", (Text("x"),))),
        note("step", type="", body=Step("t")),
        note("payload", type="", body=Payload(json="1")),
    )
    assert await found(store, kinds=frozenset({EventKind.EMPTY})) == ["empty"]
    assert await found(store, kinds=frozenset({EventKind.STEP, EventKind.MESSAGE})) == ["message", "step"]
    assert len(await found(store, kinds=frozenset(EventKind))) == 4


@pytest.mark.parametrize("name", ["actor", "run_id", "task_id", "trace_id"])
async def test_an_id_is_searched_exactly(store: Store, name: str) -> None:
    values = ["x", "X", "x ", "", "%", "ж"]
    await append(store, *(note(f"e{n}", **{name: value}) for n, value in enumerate(values)))
    for wanted, ids in {"x": ["e0"], "%": ["e4"], "ж": ["e5"], "nobody": []}.items():
        where: dict[str, Any] = {name: wanted}
        assert await found(store, **where) == ids


async def test_all_of_the_wanted_labels_must_match(store: Store) -> None:
    await append(
        store,
        note("both", labels={"a": "1", "b": "2"}),
        note("one", labels={"a": "1"}),
        note("other", labels={"a": "2", "b": "2"}),
        note("odd", labels={'a"$.[0]ж': "v'\\%🦑"}),
        note("none"),
    )
    assert await found(store, labels={"a": "1"}) == ["both", "one"]
    assert await found(store, labels={"a": "1", "b": "2"}) == ["both"]
    assert await found(store, labels={'a"$.[0]ж': "v'\\%🦑"}) == ["odd"]
    assert await found(store, labels={"b": "1"}) == []


async def test_event_times_are_bounded_from_and_until(store: Store) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = [start + timedelta(seconds=n) for n in (3, 1, 2, 0, 4)]
    await append(store, *(note(f"e{n}", event_time=time) for n, time in enumerate(times)))
    second = timedelta(seconds=1)
    # In the order of the sequences, not of the times.
    assert await found(store, happened_from=start + 2 * second) == ["e0", "e2", "e4"]
    assert await found(store, happened_until=start + 2 * second) == ["e1", "e3"]
    assert await found(store, happened_from=start + second, happened_until=start + 3 * second) == ["e1", "e2"]


async def test_all_filters_together_must_match_on_every_page(store: Store) -> None:
    time = datetime(2024, 1, 1, tzinfo=UTC)
    fields: dict[str, Any] = {
        "type": "tool.a",
        "actor": "a",
        "run_id": "r",
        "task_id": "t",
        "trace_id": "x",
        "labels": {"l": "1"},
        "event_time": time,
        "body": Payload(json="1"),
    }
    other: dict[str, Any] = {
        "type": "tools",
        "actor": "",
        "run_id": "r2",
        "task_id": "",
        "trace_id": "x2",
        "labels": {"l": "2"},
        "event_time": time + timedelta(days=1),
        "body": None,
    }
    for number in range(3):
        await append(store, note(f"yes{number}", **fields))
        for name, value in other.items():
            await append(store, note(f"no-{name}{number}", **{**fields, name: value}))
    where: dict[str, Any] = {
        "types": ["tool.*"],
        "kinds": frozenset({EventKind.PAYLOAD}),
        "actor": "a",
        "run_id": "r",
        "task_id": "t",
        "trace_id": "x",
        "labels": {"l": "1"},
        "happened_from": time,
        "happened_until": time + timedelta(seconds=1),
    }
    for size in (1, 2, 3, 1_000):
        assert await found(store, size=size, **where) == ["yes0", "yes1", "yes2"]
        assert await found(store, size=size, descending=True, **where) == ["yes2", "yes1", "yes0"]


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await append(store, *notes(9), note("x", actor="a"))

    async def total(page: PageRequest, where: EventFilter = EVERYTHING, *bounds: int) -> int | None:
        return (await store.events.list(NAMESPACE, "s", where, page, *bounds)).total_size

    assert await total(PageRequest(2, with_total=True)) == 10
    assert await total(PageRequest(2, (4,), with_total=True)) == 10
    assert await total(PageRequest(2, with_total=True), EventFilter(actor="a")) == 1
    assert await total(PageRequest(2, with_total=True), EVERYTHING, 2, 8) == 5
    assert await total(PageRequest(2, (4,), True, with_total=True), EVERYTHING, 2, 8) == 5
    assert await total(PageRequest(2)) is None


async def test_pages_of_large_events_end_before_they_pass_the_page_bytes(store: Store) -> None:
    for number in range(10):
        await append(store, note(f"e{number}", body=Payload(data=bytes([number]) * MEBIBYTE)))
    for descending in (False, True):
        read = [page async for page in pages(lister(store), 100, descending=descending)]
        events = [event for page in read for event in page.items]
        wanted = list(range(10, 0, -1)) if descending else list(range(1, 11))
        assert [event.sequence for event in events] == wanted
        for event in events:
            assert event.body == Payload(data=bytes([event.sequence - 1]) * MEBIBYTE)
        assert all(len(page.items) <= PAGE_BYTES // MEBIBYTE for page in read)
        assert all(len(page.items) > 1 for page in read[:-1])


def text_size(event: Event) -> int:
    ids = (event.event_id, event.type, event.actor, event.run_id, event.task_id, event.trace_id)
    size = sum(len(text.encode()) for text in (*ids, *event.labels, *event.labels.values()))
    match event.body:
        case Message():
            size += sum(len(part.text.encode()) for part in event.body.parts if isinstance(part, Text))
        case Payload():
            size += len((event.body.json or "").encode()) + len(event.body.data or b"")
    return size


LARGE: dict[str, list[Event]] = {
    "one after the other": [note(body=Payload(data=bytes(n * MEBIBYTE))) for n in (2, 2, 3, 3, 1, 1, 1, 3)],
    "emoji": [message("🦑" * (MEBIBYTE // 4)) for _ in range(5)],
    "quotes": [message('"' * MEBIBYTE) for _ in range(4)],
    "NUL": [message("\0" * MEBIBYTE) for _ in range(4)],
    "labels": [note(labels={f"k{k}": "ж" * 400 for k in range(60)}) for _ in range(100)],
    "ids": [
        note(f"{n:03}" + "🦑" * 252, **dict.fromkeys(("actor", "run_id", "task_id", "trace_id"), "🦑" * 255))
        for n in range(1_000)
    ],
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_page_never_holds_more_than_the_page_bytes_but_at_least_one_event(
    store: Store, name: str
) -> None:
    sent = LARGE[name]
    step = 1 if len(sent) < 10 else 100
    for start in range(0, len(sent), step):
        await append(store, *sent[start : start + step])
    read = [page async for page in pages(lister(store), 1_000)]
    events = [event for page in read for event in page.items]
    assert [event.sequence for event in events] == list(range(1, len(sent) + 1))
    assert [event.body for event in events] == [event.body for event in sent]
    for page in read:
        assert len(page.items) == 1 or sum(map(text_size, page.items)) <= PAGE_BYTES


async def test_removed_events_are_not_listed(store: Store) -> None:
    await append(store, *notes(5))
    await store.events.replace(NAMESPACE, "s", Replacement(newest=2))
    assert [event.sequence for event in await read_all(lister(store), size=2)] == [1, 2, 3, 6]
