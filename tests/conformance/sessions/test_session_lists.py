"""SessionStore.list: filters, order and paging."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    Session,
    SessionChange,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.values import dump_json
from tests.support.content import NAMESPACE, Fetch, create, move, pages, read_all

ANY = SessionFilter()


def lister(store: Store, where: SessionFilter = ANY) -> Fetch[Session]:
    return lambda page: store.sessions.list(NAMESPACE, where, page)


async def found(store: Store, **where: Any) -> list[str]:
    """Return the ids of the sessions that match, oldest first."""
    sessions = await read_all(lister(store, SessionFilter(**where)), size=100)
    return [session.session_id for session in sessions]


async def make(store: Store, count: int, prefix: str = "s") -> list[str]:
    ids = [f"{prefix}{number}" for number in range(count)]
    for session_id in ids:
        await create(store, session_id)
    return ids


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    assert await store.sessions.list(NAMESPACE, ANY, PageRequest(10, with_total=True)) == Page([], None, 0)


async def test_sessions_come_by_creation_time_in_either_direction(store: Store) -> None:
    made = await make(store, 6)
    # Activity does not move a session.
    await store.sessions.transition(NAMESPACE, "s1", Transition(SessionStatus.ACTIVE))
    ascending = await read_all(lister(store), size=100)
    descending = await read_all(lister(store), size=100, descending=True)
    assert [session.session_id for session in ascending] == made
    assert [session.session_id for session in descending] == made[::-1]


async def test_a_listed_session_is_the_same_as_a_single_one(store: Store) -> None:
    await create(store, "parent")
    await create(store, parent="parent", title="t", labels={"a": "1"}, metadata={"x": 1}, retention="never")
    await move(store, "s", SessionStatus.FAILED)
    for session in await read_all(lister(store), size=100):
        assert session == await store.sessions.get(NAMESPACE, session.session_id)


@pytest.mark.parametrize("name", ["user_id", "agent_id", "task_id"])
async def test_an_id_is_searched_exactly(store: Store, name: str) -> None:
    for number, value in enumerate(["ada", "Ada", "ada ", "", "%", "ädä"]):
        await create(store, f"s{number}", **{name: value})
    assert await found(store, **{name: "ada"}) == ["s0"]
    assert await found(store, **{name: "Ada"}) == ["s1"]
    assert await found(store, **{name: "%"}) == ["s4"]
    assert await found(store, **{name: "ädä"}) == ["s5"]
    assert await found(store, **{name: "nobody"}) == []
    assert len(await found(store)) == 6


async def test_children_are_found_by_their_parent(store: Store) -> None:
    await make(store, 2)
    await create(store, "child", parent="s0")
    await create(store, "grandchild", parent="child")
    assert await found(store, parent_session_id="s0") == ["child"]


async def test_any_of_the_wanted_statuses_matches(store: Store) -> None:
    for status in SessionStatus:
        await create(store, status.value)
        await move(store, status.value, status)
    assert await found(store, statuses=[SessionStatus.ACTIVE]) == ["active"]
    wanted = [SessionStatus.EXPIRED, SessionStatus.PENDING, SessionStatus.EXPIRED]
    assert await found(store, statuses=wanted) == ["pending", "expired"]
    assert len(await found(store, statuses=list(SessionStatus))) == 5


async def test_all_of_the_wanted_labels_must_match(store: Store) -> None:
    await create(store, "both", labels={"env": "prod", "team": "a"})
    await create(store, "one", labels={"env": "prod"})
    await create(store, "other", labels={"env": "test", "team": "a"})
    await create(store, "none")
    assert await found(store, labels={"env": "prod"}) == ["both", "one"]
    assert await found(store, labels={"env": "prod", "team": "a"}) == ["both"]
    assert await found(store, labels={"team": "prod"}) == []


@pytest.mark.parametrize(
    "text", ['"', "\\", "'", "a.b", "$[0]", "ключ", "🦑", "", " ", "\t\n", "%", "null", "1"]
)
async def test_labels_and_metadata_of_any_text_are_found(store: Store, text: str) -> None:
    await create(store, "value", labels={"k": text}, metadata={"k": text})
    await create(store, "key", labels={text or "x": "v"}, metadata={text: "v"})
    await create(store, "near", labels={"k": text + "x"}, metadata={"k": text + "x"})
    assert await found(store, labels={"k": text}) == ["value"]
    assert await found(store, metadata={"k": text}) == ["value"]
    assert await found(store, labels={text or "x": "v"}) == ["key"]
    assert await found(store, metadata={text: "v"}) == ["key"]


SCALARS: dict[str, Any] = {
    "string": "1",
    "one": 1,
    "fraction": 1.5,
    "large": 2**53,
    "huge": 1e300,
    "tiny": 1e-7,
    "negative": -3,
    "true": True,
    "false": False,
    "null": None,
    "zero": 0,
    "empty": "",
    "word": "true",
}


async def test_metadata_is_searched_by_value_and_type(store: Store) -> None:
    for name, value in SCALARS.items():
        await create(store, name, metadata={"x": value})
    await create(store, "absent")
    await create(store, "inside an array", metadata={"x": [*SCALARS.values()]})
    await create(store, "inside an object", metadata={"x": {"x": 1}})
    for name, value in SCALARS.items():
        assert await found(store, metadata={"x": value}) == [name], name
    assert await found(store, metadata={"x": 2}) == []


async def test_a_whole_number_is_found_however_it_is_written(store: Store) -> None:
    await create(store, "integer", metadata={"x": 3})
    await create(store, "double", metadata={"x": 3.0})
    assert await found(store, metadata={"x": 3}) == ["integer", "double"]
    assert await found(store, metadata={"x": 3.0}) == ["integer", "double"]


async def test_all_of_the_wanted_metadata_must_match(store: Store) -> None:
    await create(store, "both", metadata={"a": 1, "b": "x", "c": [1]})
    await create(store, "one", metadata={"a": 1, "b": "y"})
    assert await found(store, metadata={"a": 1, "b": "x"}) == ["both"]


async def test_labels_and_metadata_are_searched_as_they_are_now(store: Store) -> None:
    await create(store, labels={"a": "old"}, metadata={"m": "old", "gone": 1})
    new = SessionFields(labels={"a": "new"}, metadata={"m": "new"})
    await store.sessions.update(NAMESPACE, "s", SessionChange(new, frozenset({"labels", "metadata"})))
    assert await found(store, labels={"a": "new"}) == await found(store, metadata={"m": "new"}) == ["s"]
    assert await found(store, labels={"a": "old"}) == await found(store, metadata={"m": "old"}) == []
    assert await found(store, metadata={"gone": 1}) == []
    await store.sessions.delete(NAMESPACE, "s")
    await create(store, "other")
    assert await found(store, labels={"a": "new"}) == []


async def test_creation_times_are_bounded_from_and_until(store: Store) -> None:
    await make(store, 5)
    times = [session.create_time for session in await read_all(lister(store), size=100)]
    assert await found(store, created_from=times[1]) == ["s1", "s2", "s3", "s4"]
    assert await found(store, created_until=times[3]) == ["s0", "s1", "s2"]
    assert await found(store, created_from=times[1], created_until=times[3]) == ["s1", "s2"]
    assert await found(store, created_from=times[1] + timedelta(microseconds=1)) == ["s2", "s3", "s4"]
    assert await found(store, created_from=times[2], created_until=times[2]) == []


async def test_all_filters_together_must_match(store: Store) -> None:
    fields: dict[str, Any] = {
        "user_id": "u",
        "agent_id": "a",
        "task_id": "t",
        "labels": {"l": "1"},
        "metadata": {"m": 1},
    }
    await create(store, "parent")
    whole = await create(store, "whole", parent="parent", **fields)
    for name, value in fields.items():
        await create(store, f"without {name}", parent="parent", **{**fields, name: type(value)()})
    await create(store, "without parent", **fields)
    where = {**fields, "parent_session_id": "parent", "statuses": [SessionStatus.PENDING]}
    assert await found(store, **where) == ["whole"]
    assert await found(store, **where, created_from=whole.create_time) == ["whole"]
    assert await found(store, **where, created_until=whole.create_time) == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8, 100])
async def test_paging_returns_each_session_once(store: Store, size: int, descending: bool) -> None:
    made = await make(store, 7)
    read = [page async for page in pages(lister(store), size, descending=descending)]
    ids = [session.session_id for page in read for session in page.items]
    assert ids == (made[::-1] if descending else made)
    assert all(len(page.items) == size for page in read[:-1])
    # No page is announced that would be empty.
    assert read[-1].items


async def test_the_cursor_is_the_creation_time_in_microseconds_and_the_key(store: Store) -> None:
    await make(store, 2)
    page = await store.sessions.list(NAMESPACE, ANY, PageRequest(1))
    assert page.next is not None
    micros, key = page.next
    assert timedelta(microseconds=int(micros)).total_seconds() == page.items[0].create_time.timestamp()
    assert isinstance(key, int)


@pytest.mark.parametrize("descending", [False, True])
async def test_what_is_there_during_the_whole_of_the_paging_is_returned_once(
    store: Store, descending: bool
) -> None:
    made = await make(store, 12)
    seen: list[str] = []
    deleted: set[str] = set()
    number = 0
    async for page in pages(lister(store), 3, descending=descending):
        ids = [session.session_id for session in page.items]
        seen += ids
        await create(store, f"new{number}")
        # What was just read, the cursor's own session among it, and one that is still to come.
        unread = [session_id for session_id in made if session_id not in seen and session_id not in deleted]
        for session_id in [*ids[-2:], *unread[1:2]]:
            deleted.add(session_id)
            await store.sessions.delete(NAMESPACE, session_id)
        number += 1
    assert len(seen) == len(set(seen))
    assert set(made) - deleted <= set(seen)


async def test_sessions_created_at_once_are_paged_exactly_once(store: Store) -> None:
    await asyncio.gather(*(create(store, f"s{number}") for number in range(50)))
    for descending in (False, True):
        read = await read_all(lister(store), size=7, descending=descending)
        assert sorted(session.session_id for session in read) == sorted(f"s{n}" for n in range(50))


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await make(store, 5)
    await create(store, "other", user_id="u")
    first = await store.sessions.list(NAMESPACE, ANY, PageRequest(2, with_total=True))
    assert first.total_size == 6
    later = await store.sessions.list(NAMESPACE, ANY, PageRequest(2, first.next, with_total=True))
    assert later.total_size == 6
    only = await store.sessions.list(NAMESPACE, SessionFilter(user_id="u"), PageRequest(2, with_total=True))
    assert only.total_size == 1
    assert (await store.sessions.list(NAMESPACE, ANY, PageRequest(2))).total_size is None


def text_size(session: Session) -> int:
    """The bytes of all that is not small in a session."""
    fields = session.fields
    texts = (session.status_reason, fields.title, dump_json(dict(fields.labels)), dump_json(fields.metadata))
    return sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("letter", ["x", "🦑"], ids=["ascii", "emoji"])
async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store, letter: str) -> None:
    width = len(letter.encode())
    metadata = {"m": letter * (65_000 // width)}
    labels = {f"label {n}": letter * (60_000 // width // 64) for n in range(64)}
    count = 40
    for number in range(count):
        await create(store, f"s{number}", title=letter * 1_000, metadata=metadata, labels=labels)
        move = Transition(SessionStatus.EXPIRED, letter * 4_000)
        await store.sessions.transition(NAMESPACE, f"s{number}", move)
    read = [page async for page in pages(lister(store), 100)]
    assert [session.session_id for page in read for session in page.items] == [f"s{n}" for n in range(count)]
    for page in read:
        assert sum(map(text_size, page.items)) <= PAGE_BYTES
    # And is not needlessly small.
    assert len(read) <= 3
