"""Times to live: documents that lapse, are refreshed, and stay as long as their children."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfastdb_server.domain.documents.filters import CollectionFilter, DocumentFilter
from holdfastdb_server.domain.errors import DocumentNotFound, ParentNotFound, VersionMismatch
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import HOUR, SECOND, draft, get, key, let_pass, names, put, rows, search, sync


async def is_gone(document: Awaitable[Any]) -> bool:
    try:
        await document
    except DocumentNotFound:
        return True
    return False


async def test_a_lapsed_document_does_not_exist(store: SqlStore) -> None:
    await put(store, draft(json='"word"', ttl=SECOND, labels={"a": "b"}))
    await let_pass(store, SECOND)
    assert await is_gone(get(store))
    assert await is_gone(get(store, refresh_ttl=True))
    assert await is_gone(store.documents.delete(NAMESPACE, key()))
    assert await names(store) == await names(store, labels={"a": "b"}) == []
    assert await search(store, "word") == []
    page = PageRequest(10, with_total=True)
    assert (await store.documents.list(NAMESPACE, DocumentFilter(), page)).total_size == 0
    assert (await store.documents.list_collections(NAMESPACE, CollectionFilter(), page)).items == []
    with pytest.raises(ParentNotFound):
        await put(store, draft("child", parent=key()))
    with pytest.raises(VersionMismatch):
        await put(store, expected_version=1)


async def test_a_document_lapses_by_itself(store: SqlStore) -> None:
    document = (await put(store, draft(ttl=SECOND))).document
    assert document.expire_time is not None
    await let_pass(store, document.expire_time - datetime.now(UTC))
    assert await is_gone(get(store))


async def test_one_that_is_put_again_starts_at_version_1(store: SqlStore) -> None:
    first = (await put(store, draft(json='"old"', ttl=SECOND))).document
    await put(store, draft(json='"older"', ttl=SECOND))
    await let_pass(store, SECOND)
    done = await put(store, draft(ttl=SECOND), keep_existing=True)
    assert (done.is_created, done.document.version) == (True, 1)
    assert done.document.create_time > first.create_time
    assert await search(store, "old") == []


async def test_one_of_many_puts_creates_a_lapsed_one_anew(two_stores: tuple[SqlStore, SqlStore]) -> None:
    await put(two_stores[0], draft(ttl=SECOND))
    await let_pass(two_stores[0], SECOND)
    done = await asyncio.gather(*(put(two_stores[n % 2], keep_existing=True) for n in range(16)))
    assert sum(one.is_created for one in done) == 1


async def test_a_put_lets_the_time_to_live_begin_anew(store: SqlStore) -> None:
    for _ in range(3):
        done = await put(store, draft(ttl=HOUR))
        assert done.document.expire_time == (await get(store)).expire_time
        await let_pass(store, 0.9 * HOUR)
    assert (await get(store)).version == 1


async def test_a_put_that_keeps_refreshes_nothing(store: SqlStore) -> None:
    await put(store, draft(ttl=HOUR))
    await let_pass(store, 0.9 * HOUR)
    await put(store, draft(ttl=HOUR), keep_existing=True)
    await let_pass(store, 0.9 * HOUR)
    assert await is_gone(get(store))


async def test_a_read_refreshes_only_if_it_is_to(store: SqlStore) -> None:
    for document_id in ("got", "listed", "searched", "untouched"):
        await put(store, draft(document_id, '"word"', ttl=HOUR, collection=document_id))
    await put(store, draft("eternal"))
    page, everything = PageRequest(10), DocumentFilter()
    for _ in range(3):
        await let_pass(store, 0.6 * HOUR)
        got = await get(store, "got", "got", refresh_ttl=True)
        assert got == await get(store, "got", "got")
        where = DocumentFilter(collection="listed")
        read = await store.documents.list(NAMESPACE, where, page, refresh_ttl=True)
        assert list(read.items) == [await get(store, "listed", "listed")]
        where = DocumentFilter(collection="searched", words=("word",))
        found = await store.documents.search(NAMESPACE, where, page, refresh_ttl=True)
        assert found.items[0].document == await get(store, "searched", "searched")
        await store.documents.list(NAMESPACE, everything, page)
        await store.documents.search(NAMESPACE, DocumentFilter(words=("word",)), page)
        if await names(store, collection="untouched"):
            await get(store, "untouched", "untouched")
    assert await names(store) == ["c/eternal", "got/got", "listed/listed", "searched/searched"]
    assert (await get(store, "eternal", refresh_ttl=True)).expire_time is None
    assert (await get(store, "got", "got")).version == 1


async def test_a_parent_is_there_until_its_last_child_is_gone(store: SqlStore) -> None:
    await put(store, draft("top", ttl=SECOND))
    await put(store, draft("p", parent=key("top"), ttl=SECOND))
    await put(store, draft("brief", parent=key("p"), ttl=SECOND))
    await put(store, draft("long", parent=key("p"), ttl=HOUR))
    await let_pass(store, 2 * SECOND)
    assert await names(store) == ["c/long", "c/p", "c/top"]
    assert (await get(store, "p")).expire_time is not None
    await put(store, draft("late", parent=key("p"), ttl=2 * HOUR))
    await let_pass(store, HOUR)
    assert await names(store) == ["c/late", "c/p", "c/top"]
    assert await store.documents.delete(NAMESPACE, key("late")) == 1
    assert await names(store) == []


async def test_a_child_without_a_time_to_live_keeps_its_parents_for_ever(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft(parent=key("p")))
    await let_pass(store, 1_000 * HOUR)
    assert await names(store) == ["c/d", "c/p"]
    await put(store, draft(parent=key("p"), ttl=SECOND))
    await let_pass(store, SECOND)
    assert await names(store) == []


async def test_a_refreshed_child_keeps_its_parents(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft(parent=key("p"), ttl=HOUR))
    for _ in range(3):
        await let_pass(store, 0.9 * HOUR)
        await get(store, refresh_ttl=True)
    assert await names(store) == ["c/d", "c/p"]


async def test_a_child_that_moves_away_keeps_its_parent_no_longer(store: SqlStore) -> None:
    for name in ("a", "b"):
        await put(store, draft(name, ttl=SECOND))
    await put(store, draft(parent=key("a"), ttl=HOUR))
    await put(store, draft(parent=key("b"), ttl=HOUR))
    await let_pass(store, SECOND)
    assert await names(store) == ["c/b", "c/d"]


async def test_a_parent_may_be_put_with_a_shorter_time_than_its_children(store: SqlStore) -> None:
    await put(store, draft("p"))
    await put(store, draft(parent=key("p"), ttl=HOUR))
    await put(store, draft("p", ttl=SECOND))
    await let_pass(store, SECOND)
    assert await names(store) == ["c/d", "c/p"]
    await let_pass(store, HOUR)
    assert await names(store) == []


async def test_families_in_one_sync_live_as_long_as_their_last(store: SqlStore) -> None:
    await sync(store, draft("a", ttl=SECOND), draft("b", parent=key("a"), ttl=HOUR))
    await let_pass(store, SECOND)
    assert await names(store) == ["c/a", "c/b"]


async def test_lapsed_children_hinder_no_deletion(store: SqlStore) -> None:
    await put(store, draft("p"))
    await put(store, draft("child", parent=key("p"), ttl=SECOND))
    await let_pass(store, SECOND)
    assert await store.documents.delete(NAMESPACE, key("p"), 1) == 1
    assert await rows(store) == 0


async def test_lapsed_documents_are_deleted_in_batches(store: SqlStore) -> None:
    for namespace in (NAMESPACE, "other"):
        await sync(
            store,
            *(draft(str(n), '"w"', ttl=SECOND, labels={"a": "b"}) for n in range(5)),
            namespace=namespace,
        )
    await sync(store, draft("eternal"), draft("later", ttl=2 * HOUR), draft("refreshed", ttl=HOUR))
    await let_pass(store, 0.6 * HOUR)
    await get(store, "refreshed", refresh_ttl=True)
    await let_pass(store, 0.6 * HOUR)
    counts = [await store.documents.delete_lapsed(4) for _ in range(4)]
    assert counts == [4, 4, 2, 0]
    assert await rows(store) == 3
    assert await names(store) == ["c/eternal", "c/later", "c/refreshed"]
    await let_pass(store, 2 * HOUR)
    assert await store.documents.delete_lapsed(4) == 2


async def test_lapsed_families_are_deleted_whole_and_no_earlier(store: SqlStore) -> None:
    await put(store, draft("p", ttl=SECOND))
    await put(store, draft("child", parent=key("p"), ttl=HOUR))
    await let_pass(store, SECOND)
    assert await store.documents.delete_lapsed(10) == 0
    await let_pass(store, HOUR)
    assert await store.documents.delete_lapsed(10) == 2
    assert await rows(store) == 0


async def test_two_may_delete_what_has_lapsed_at_once(two_stores: tuple[SqlStore, SqlStore]) -> None:
    await sync(two_stores[0], *(draft(str(n), ttl=SECOND) for n in range(40)))
    await let_pass(two_stores[0], SECOND)
    counts = await asyncio.gather(*(one.documents.delete_lapsed(30) for one in two_stores))
    assert sum(counts) + sum([await one.documents.delete_lapsed(30) for one in two_stores]) == 40
    assert await rows(two_stores[0]) == 0
