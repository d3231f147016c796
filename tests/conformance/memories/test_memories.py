"""MemoryStore: create, get, list, update and delete."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import (
    IdTaken,
    InvalidField,
    MemoryNotFound,
    RequestIdTaken,
    VersionMismatch,
)
from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.memories import Memory, MemoryFields, MemoryFilter
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, Fetch, create, pages, read_all
from tests.support.memories import change, found, keep

FULL: dict[str, Any] = {
    "lesson": "Ünïcode – lesson 🦑\nwith lines",
    "context": "when\tit ☃",
    "tool_name": "web_search",
    "agent_id": "planner",
    "user_id": "ada",
    "session_id": "never was one",
    "confidence": 0.1 + 0.2,
    "labels": {"env": "prod", "ключ": "значение"},
    "metadata": {"count": 3, "deep": {"list": [1, None, True, "x"]}, "none": None},
}
OTHER: dict[str, Any] = {
    "lesson": "other",
    "context": "",
    "tool_name": "other",
    "agent_id": "other",
    "user_id": "",
    "session_id": "other",
    "confidence": 0.3,
    "labels": {"env": "test"},
    "metadata": {"count": 4},
}
ANY = MemoryFilter()


def lister(store: Store, where: MemoryFilter = ANY) -> Fetch[Memory]:
    return lambda page: store.memories.list(NAMESPACE, where, page)


async def listed(store: Store, **where: Any) -> list[str]:
    """Return the ids of the memories that match, oldest first."""
    memories = await read_all(lister(store, MemoryFilter(**where).checked()), size=100)
    return [memory.memory_id for memory in memories]


async def make(store: Store, count: int) -> list[str]:
    ids = [f"m{number}" for number in range(count)]
    for memory_id in ids:
        await keep(store, memory_id)
    return ids


async def test_a_new_memory_is_at_version_1_never_used_and_has_the_fields_of_its_draft(store: Store) -> None:
    before = datetime.now(UTC)
    memory = await keep(store, **FULL)
    assert (memory.memory_id, memory.version, memory.use_count) == ("m", 1, 0)
    assert memory.fields == MemoryFields(**FULL)
    assert memory.last_use_time is None
    assert before <= memory.create_time == memory.update_time <= datetime.now(UTC)
    assert await store.memories.get(NAMESPACE, "m") == memory


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1e-300])
async def test_a_confidence_comes_back_exactly(store: Store, confidence: float) -> None:
    memory = await keep(store, confidence=confidence)
    assert memory == await store.memories.get(NAMESPACE, "m")
    assert memory.fields.confidence == confidence
    assert isinstance(memory.fields.confidence, float)


async def test_creating_from_the_same_draft_returns_the_memory_as_it_is_now(store: Store) -> None:
    await keep(store, **FULL)
    changed = await change(store, lesson="new")
    assert await keep(store, **FULL) == changed


@pytest.mark.parametrize("name", OTHER)
async def test_creating_from_another_draft_raises_id_taken(store: Store, name: str) -> None:
    first = await keep(store, **FULL)
    with pytest.raises(IdTaken) as caught:
        await keep(store, **{**FULL, name: OTHER[name]})
    assert caught.value.metadata == {"resource": "memory", "id": "m"}
    assert await store.memories.get(NAMESPACE, "m") == first


async def test_creating_one_id_many_times_at_once_makes_one_memory(store: Store) -> None:
    made = await asyncio.gather(*(keep(store, **FULL) for _ in range(12)))
    assert len(set(map(repr, made))) == 1
    assert await found(store, "lesson") == ["m"]


async def test_an_absent_memory_raises_memory_not_found(store: Store) -> None:
    for call in (
        store.memories.get(NAMESPACE, "absent"),
        store.memories.delete(NAMESPACE, "absent"),
        change(store, "absent", lesson="new"),
    ):
        with pytest.raises(MemoryNotFound) as caught:
            await call
        assert caught.value.metadata == {"memory_id": "absent"}


async def test_an_update_replaces_and_merges_and_raises_the_version_by_one(store: Store) -> None:
    before = await keep(store, **FULL)
    after = await change(store, merges=True, lesson="new", labels={"b": "2"}, metadata={"count": None})
    labels = {**FULL["labels"], "b": "2"}
    metadata = {name: value for name, value in FULL["metadata"].items() if name != "count"}
    assert after.fields == replace(before.fields, lesson="new", labels=labels, metadata=metadata)
    assert (after.version, after.create_time) == (2, before.create_time)
    assert after.update_time > before.update_time
    after = await change(store, labels={}, metadata={}, tool_name="", confidence=0.0, expected=2)
    assert (after.fields.labels, after.fields.metadata, after.fields.tool_name) == ({}, {}, "")
    assert after.fields.confidence == 0.0
    assert await store.memories.get(NAMESPACE, "m") == after


async def test_an_update_without_effect_changes_nothing_but_needs_the_version(store: Store) -> None:
    before = await keep(store, **FULL)
    assert await change(store, merges=True, lesson=FULL["lesson"], labels=FULL["labels"]) == before
    assert await change(store) == before
    with pytest.raises(VersionMismatch) as caught:
        await change(store, lesson=FULL["lesson"], expected=2)
    assert caught.value.metadata == {"resource": "memory", "id": "m", "expected": "2", "actual": "1"}


async def test_an_update_that_passes_a_bound_raises_invalid_field(store: Store) -> None:
    await keep(store, metadata={"a": "x" * 40_000})
    with pytest.raises(InvalidField):
        await change(store, merges=True, metadata={"b": "x" * 40_000})


async def change_at_once(stores: list[Store]) -> Memory:
    changes = [change(stores[n % len(stores)], merges=True, labels={f"l{n}": str(n)}) for n in range(12)]
    await asyncio.gather(*changes)
    return await stores[0].memories.get(NAMESPACE, "m")


async def test_updates_at_once_never_lose_one_another(store: Store) -> None:
    await keep(store)
    memory = await change_at_once([store])
    assert memory.version == 13
    assert memory.fields.labels == {f"l{n}": str(n) for n in range(12)}


async def test_updates_through_two_replicas_never_lose_one_another(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    await keep(two_stores[0])
    memory = await change_at_once(list(two_stores))
    assert (memory.version, len(memory.fields.labels)) == (13, 12)


async def test_a_repeated_request_changes_nothing_more(store: Store) -> None:
    await keep(store)
    once = await change(store, lesson="new", expected=1, request_id="r")
    assert await change(store, lesson="new", expected=1, request_id="r") == once
    with pytest.raises(RequestIdTaken):
        await change(store, lesson="newer", expected=1, request_id="r")


async def test_a_deleted_memory_is_gone_and_its_words_too(store: Store) -> None:
    await keep(store, lesson="old words")
    with pytest.raises(VersionMismatch):
        await store.memories.delete(NAMESPACE, "m", 2)
    await store.memories.delete(NAMESPACE, "m", 1)
    assert await found(store, "old") == []
    await keep(store, lesson="new words")
    assert await found(store, "words") == ["m"]
    assert await found(store, "old") == []


async def test_a_memory_outlives_its_session(store: Store) -> None:
    await create(store)
    memory = await keep(store, session_id="s")
    await store.sessions.delete(NAMESPACE, "s")
    assert await store.memories.get(NAMESPACE, "m") == memory


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    assert await lister(store)(PageRequest(10, with_total=True)) == Page([], None, 0)


async def test_each_filter_finds_what_it_says_and_all_must_hold(store: Store) -> None:
    fields = {name: value for name, value in FULL.items() if name not in ("lesson", "context", "metadata")}
    fields["metadata"] = {"count": 3.0}
    whole = await keep(store, "whole", **fields)
    for name in fields:
        other = {"confidence": 0.1}.get(name)
        given = {k: v for k, v in fields.items() if k != name} | ({} if other is None else {name: other})
        await keep(store, f"without {name}", **given)
    filters = {("min_confidence" if name == "confidence" else name): value for name, value in fields.items()}
    everything = {"whole", *(f"without {name}" for name in fields)}
    for name, value in filters.items():
        missing = "without confidence" if name == "min_confidence" else f"without {name}"
        assert set(await listed(store, **{name: value})) == everything - {missing}, name
    assert await listed(store, **filters) == ["whole"]
    assert await listed(store, **filters, created_from=whole.create_time) == ["whole"]
    assert await listed(store, **filters, created_until=whole.create_time) == []
    assert await listed(store, created_until=whole.create_time + timedelta(microseconds=1)) == ["whole"]
    assert await listed(store, tool_name="WEB_SEARCH") == []


@pytest.mark.parametrize("descending", [False, True])
async def test_paging_returns_each_memory_once(store: Store, descending: bool) -> None:
    made = await make(store, 7)
    for size in (1, 3, 7, 8):
        read = [page async for page in pages(lister(store), size, descending=descending)]
        ids = [memory.memory_id for page in read for memory in page.items]
        assert ids == (made[::-1] if descending else made)
        assert all(len(page.items) == size for page in read[:-1])
        assert read[-1].items


async def test_what_is_there_during_the_whole_of_the_paging_is_returned_once(store: Store) -> None:
    made = await make(store, 9)
    seen: list[str] = []
    async for page in pages(lister(store), 2, descending=True):
        seen += [memory.memory_id for memory in page.items]
        await keep(store, f"new{len(seen)}")
        await change(store, "m0", lesson=f"changed {len(seen)}")
        # The cursor's own memory goes.
        await store.memories.delete(NAMESPACE, seen[-1])
    assert seen == made[::-1]


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await make(store, 4)
    await keep(store, "other", user_id="ada")
    first = await lister(store)(PageRequest(2, with_total=True))
    assert (first.total_size, len(first.items)) == (5, 2)
    assert (await lister(store, MemoryFilter(user_id="ada"))(PageRequest(2, with_total=True))).total_size == 1
    assert (await lister(store)(PageRequest(2))).total_size is None


async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store) -> None:
    for number in range(20):
        await keep(store, f"m{number:02}", "🦑" * 65_000, metadata={"x": "x" * 60_000})
    read = [page async for page in pages(lister(store), 100)]
    assert [memory.memory_id for page in read for memory in page.items] == [f"m{n:02}" for n in range(20)]
    for page in read:
        assert sum(len(memory.fields.lesson.encode()) + 60_000 for memory in page.items) <= PAGE_BYTES
    assert len(read) <= 3


async def test_another_namespace_has_none_of_it(store: Store) -> None:
    await keep(store, **FULL)
    assert await store.memories.list("other", ANY, PageRequest(10, with_total=True)) == Page([], None, 0)
    for call in (store.memories.get("other", "m"), store.memories.delete("other", "m")):
        with pytest.raises(MemoryNotFound):
            await call
    await keep(store, lesson="another", namespace="other")
    assert (await store.memories.get(NAMESPACE, "m")).fields.lesson == FULL["lesson"]
    assert await found(store, "another") == []
    assert await found(store, "another", namespace="other") == ["m"]
