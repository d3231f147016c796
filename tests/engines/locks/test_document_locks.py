"""Which rows writes of documents lock on PostgreSQL, in which order, and what they do once they have them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from holdfastdb_server.domain.errors import DependencyCycle, DocumentNotFound, ParentNotFound
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import HOUR, SECOND, draft, get, key, let_pass, names, put, sync
from tests.support.row_locks import RowLocks


async def test_a_sync_locks_documents_in_the_order_of_their_keys(store: SqlStore, locks: RowLocks) -> None:
    # The first key has the last name and, written last, lies behind the others.
    for name in ("d", "c", "b", "a"):
        await put(store, draft(name))
    await put(store, draft("d", "1"))
    async with locks.held("documents", "id = 'd'"):
        syncing = asyncio.create_task(sync(store, *(draft(name, "2") for name in "abcd")))
        await locks.until_somebody_waits()
        assert await locks.free("documents", "id") == ["a", "b", "c"]
    assert (await syncing).updated_ids == ["a", "b", "c", "d"]


async def test_a_subtree_is_locked_in_the_order_of_its_keys(store: SqlStore, locks: RowLocks) -> None:
    await put(store, draft("root"))
    for name in ("d", "c", "b", "a"):
        await put(store, draft(name, parent=key("root")))
    await put(store, draft("d", "1", parent=key("root")))
    async with locks.held("documents", "id = 'd'"):
        deleting = asyncio.create_task(store.documents.delete(NAMESPACE, key("root"), with_children=True))
        await locks.until_somebody_waits()
        assert await locks.free("documents", "id") == ["a", "b", "c"]
    assert await deleting == 5


async def test_parents_are_locked_in_the_order_of_their_keys(store: SqlStore, locks: RowLocks) -> None:
    for name in ("d", "c", "b", "a"):
        await put(store, draft(name, ttl=HOUR))
    await put(store, draft("d", "1", ttl=HOUR))
    children = [draft(f"of {name}", collection="children", parent=key(name), ttl=HOUR) for name in "abcd"]
    async with locks.held("documents", "id = 'd'", strength="NO KEY UPDATE"):
        syncing = asyncio.create_task(sync(store, *children, collection="children"))
        await locks.until_somebody_waits()
        assert await locks.free("documents", "id", "NO KEY UPDATE") == ["a", "b", "c"]
    assert len((await syncing).created_ids) == 4


async def test_a_put_waits_for_no_document_but_its_own_and_its_parent(
    store: SqlStore, locks: RowLocks
) -> None:
    for one in (draft("p"), draft("d", collection="c2"), draft("p", collection="c2"), draft("x")):
        await put(store, one)
    await put(store, draft(parent=key("p")))
    async with locks.held("documents", "collection = 'c2' OR id = 'x'"):
        done = await locks.until_done(put(store, draft(json="1", parent=key("p"))))
    assert done.document.version == 2


@pytest.mark.parametrize(
    ("ttl", "strength"), [(None, "NO KEY UPDATE"), (HOUR, "KEY SHARE")], ids=["settling", "inserting"]
)
async def test_children_of_one_parent_are_put_at_once(
    store: SqlStore, locks: RowLocks, ttl: timedelta | None, strength: str
) -> None:
    await put(store, draft("p", ttl=ttl))
    async with locks.held("documents", "id = 'p'", strength=strength):
        await locks.until_done(put(store, draft(parent=key("p"), ttl=2 * HOUR)))
    assert await names(store, parent=key("p")) == ["c/d"]


async def test_a_put_waits_for_what_becomes_of_its_parent(store: SqlStore, locks: RowLocks) -> None:
    await put(store, draft("p"))
    async with locks.held("documents", "id = 'p'") as holder:
        putting = asyncio.create_task(put(store, draft(parent=key("p"))))
        await locks.until_somebody_waits()
        await holder.execute("DELETE FROM documents WHERE id = 'p'")
    with pytest.raises(ParentNotFound):
        await putting


async def test_of_children_put_at_once_the_longest_lived_keeps_the_parent(
    store: SqlStore, locks: RowLocks
) -> None:
    parents = ("p", "q")
    await sync(store, *(draft(name, ttl=SECOND) for name in parents))
    async with locks.held("documents", "id = 'p'", strength="NO KEY UPDATE"):
        putting = []
        for place, path in enumerate(parents):
            # Each has the longest-lived child of one parent: whoever comes last overwrites nothing.
            drafts = [
                draft(name, collection=path, parent=key(name), ttl=(2 if name == path else 1) * HOUR)
                for name in parents
            ]
            putting.append(asyncio.create_task(sync(store, *drafts, collection=path)))
            await locks.until_somebody_waits(count=place + 1)
    await asyncio.gather(*putting)
    await let_pass(store, 1.5 * HOUR)
    assert await names(store) == ["c/p", "c/q", "p/p", "q/q"]


async def test_two_that_move_below_each_others_children_make_no_cycle(
    store: SqlStore, locks: RowLocks
) -> None:
    await put(store, draft("left", ttl=HOUR))
    for one in (draft("a", parent=key("left")), draft("b")):
        await put(store, one)
        await put(store, draft(f"below {one.key.document_id}", parent=one.key))
    # Whoever leaves `left` waits for it after the check for a cycle.
    async with locks.held("documents", "id = 'left'", strength="NO KEY UPDATE"):
        first = asyncio.create_task(put(store, draft("a", parent=key("below b"))))
        await locks.until_somebody_waits()
        second = asyncio.create_task(put(store, draft("b", parent=key("below a"))))
        await locks.until_somebody_waits(count=2)
    assert (await first).document.version == 2
    with pytest.raises(DependencyCycle):
        await second


async def test_a_sync_waits_for_another_of_its_collection(store: SqlStore, locks: RowLocks) -> None:
    await put(store, draft("x"))
    async with locks.held("documents", "id = 'x'"):
        first = asyncio.create_task(sync(store, draft("a"), draft("x", "1"), prune=True))
        await locks.until_somebody_waits()
        second = asyncio.create_task(sync(store, draft("b"), prune=True))
        await locks.until_somebody_waits(count=2)
    await first
    assert (await second).deleted_ids == ["a", "x"]
    assert await names(store) == ["c/b"]


async def test_one_that_is_created_between_two_looks_is_kept(store: SqlStore, locks: RowLocks) -> None:
    made = (await put(store, draft("other", "1"))).document
    async with locks.only_reads("documents") as holder:
        putting = asyncio.create_task(put(store, draft(json="2"), keep_existing=True))
        await locks.until_somebody_waits()
        await holder.execute("UPDATE documents SET id = 'd'")
    done = await putting
    assert (done.is_created, done.is_parent_created) == (False, False)
    assert (done.document.version, done.document.fields) == (1, made.fields)


async def test_a_refresh_leaves_a_document_that_has_lapsed_meanwhile(
    store: SqlStore, locks: RowLocks
) -> None:
    await put(store, draft(ttl=HOUR))
    async with locks.held("documents", "id = 'd'") as holder:
        reading = asyncio.create_task(get(store, refresh_ttl=True))
        await locks.until_somebody_waits()
        await holder.execute("UPDATE documents SET expire_time = now(), subtree_expire_time = now()")
    await reading
    with pytest.raises(DocumentNotFound):
        await get(store)


async def test_a_refresh_leaves_a_document_whose_time_to_live_is_another_meanwhile(
    store: SqlStore, locks: RowLocks
) -> None:
    await put(store, draft(ttl=HOUR))
    until = datetime(2100, 1, 1, tzinfo=UTC)
    async with locks.held("documents", "id = 'd'") as holder:
        reading = asyncio.create_task(get(store, refresh_ttl=True))
        await locks.until_somebody_waits()
        changed = "ttl = ttl * 2, expire_time = $1, subtree_expire_time = $1"
        await holder.execute(f"UPDATE documents SET {changed}", until)
    await reading
    assert (await get(store)).expire_time == until


async def test_the_janitor_passes_over_documents_that_somebody_has_locked(
    store: SqlStore, locks: RowLocks
) -> None:
    await sync(store, *(draft(name, ttl=SECOND) for name in "abc"))
    await let_pass(store, SECOND)
    async with locks.held("documents", "id = 'a'"):
        assert await locks.until_done(store.documents.delete_lapsed(10)) == 2
    assert await store.documents.delete_lapsed(10) == 1
