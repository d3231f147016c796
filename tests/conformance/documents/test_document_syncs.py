"""DocumentStore.sync: a collection made to hold what is wanted."""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.documents.document import SyncResult
from holdfastdb_server.domain.errors import (
    DependencyCycle,
    DocumentHasChildren,
    ParentNotFound,
    RequestIdTaken,
)
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import HOUR, SECOND, draft, get, key, let_pass, names, put, sync


async def test_new_changed_unchanged_and_deleted_ones_are_told_apart(store: Store) -> None:
    await sync(store, *(draft(name) for name in ("b", "a", "gone", "Ä")))
    await put(store, draft("far", collection="c/d"))
    done = await sync(
        store, draft("new"), draft("b", "1"), draft("a"), draft("Ä", labels={"x": "y"}), prune=True
    )
    assert done == SyncResult(["new"], ["b", "Ä"], ["a"], ["gone"])
    assert await names(store) == ["c/a", "c/b", "c/new", "c/Ä", "c/d/far"]
    assert [(await get(store, name)).version for name in ("a", "b", "new", "Ä")] == [1, 2, 1, 2]
    assert (await get(store, "b")).fields.content == Payload(json="1")


async def test_without_pruning_the_others_stay(store: Store) -> None:
    await sync(store, draft("a"), draft("b"))
    assert await sync(store, draft("a")) == SyncResult(unchanged_ids=["a"])
    assert await sync(store) == SyncResult()
    assert await names(store) == ["c/a", "c/b"]


async def test_a_sync_of_nothing_prunes_everything(store: Store) -> None:
    await sync(store, draft("a"), draft("b"))
    assert await sync(store, prune=True) == SyncResult(deleted_ids=["a", "b"])
    assert await names(store) == []


async def test_each_document_is_put_or_none(store: Store) -> None:
    await sync(store, draft("a"), draft("old"))
    with pytest.raises(ParentNotFound):
        await sync(store, draft("a", "1"), draft("new"), draft("x", parent=key("absent")), prune=True)
    assert await names(store) == ["c/a", "c/old"]
    assert (await get(store, "a")).version == 1


async def test_a_parent_may_be_in_the_same_sync(store: Store) -> None:
    tree = [draft("a", parent=key("b")), draft("b", parent=key("c")), draft("c"), draft("d", parent=key("b"))]
    assert (await sync(store, *tree)).created_ids == ["a", "b", "c", "d"]
    assert await names(store, parent=key("b")) == ["c/a", "c/d"]
    assert (await sync(store, *tree)).unchanged_ids == ["a", "b", "c", "d"]
    turned = [draft("a"), draft("b", parent=key("a")), draft("c", parent=key("b")), draft("d")]
    assert (await sync(store, *turned)).updated_ids == ["a", "b", "c", "d"]


async def test_parents_that_form_a_cycle_are_refused(store: Store) -> None:
    circle = [draft("a", parent=key("b")), draft("b", parent=key("c")), draft("c", parent=key("a"))]
    with pytest.raises(DependencyCycle, match=r"'c/a' -> 'c/b' -> 'c/c' -> 'c/a'$") as caught:
        await sync(store, draft("below", parent=key("a")), *circle)
    assert caught.value.metadata == {"collection": "c", "document_id": "a"}
    await sync(store, *(draft(name) for name in "abc"))
    with pytest.raises(DependencyCycle) as caught:
        await sync(store, draft("free"), *circle)
    assert caught.value.metadata == {"collection": "c", "document_id": "a"}
    assert await names(store) == ["c/a", "c/b", "c/c"]


async def test_a_parent_of_one_that_stays_is_not_pruned(store: Store) -> None:
    await put(store, draft("p"))
    await put(store, draft("child", parent=key("p")))
    await put(store, draft("far", collection="elsewhere", parent=key("child")))
    with pytest.raises(DocumentHasChildren) as caught:
        await sync(store, draft("new"), prune=True)
    assert caught.value.metadata == {"collection": "c", "document_id": "child"}
    with pytest.raises(DocumentHasChildren):
        await sync(store, draft("child", parent=key("p")), prune=True)
    assert await names(store) == ["c/child", "c/p", "elsewhere/far"]
    # One that leaves its parent in the same sync sets it free.
    assert (await sync(store, draft("child"), prune=True)).deleted_ids == ["p"]


async def test_parents_and_children_are_pruned_together(store: Store) -> None:
    await put(store, draft("p"))
    await put(store, draft("child", parent=key("p")))
    assert (await sync(store, prune=True)).deleted_ids == ["child", "p"]


async def test_lapsed_documents_are_created_anew_and_not_told_of(store: SqlStore) -> None:
    await sync(store, draft("a", ttl=SECOND), draft("b", ttl=SECOND), draft("c", ttl=HOUR))
    await let_pass(store, 2 * SECOND)
    done = await sync(store, draft("a", ttl=SECOND), draft("c", ttl=HOUR), prune=True)
    assert done == SyncResult(created_ids=["a"], unchanged_ids=["c"])
    assert (await get(store, "a")).version == 1


async def test_an_unchanged_document_lives_on(store: SqlStore) -> None:
    await sync(store, draft("a", ttl=HOUR))
    await let_pass(store, 0.9 * HOUR)
    assert (await sync(store, draft("a", ttl=HOUR))).unchanged_ids == ["a"]
    await let_pass(store, 0.9 * HOUR)
    assert await names(store) == ["c/a"]


async def test_a_repeated_sync_changes_nothing_and_gets_the_first_result(store: Store) -> None:
    await put(store, draft("old"))
    first = await sync(store, draft("a"), prune=True, request_id="r")
    await put(store, draft("later"))
    again = await sync(store, draft("a"), prune=True, request_id="r")
    assert (again.created_ids, again.deleted_ids) == (first.created_ids, first.deleted_ids)
    assert await names(store) == ["c/a", "c/later"]
    with pytest.raises(RequestIdTaken):
        await sync(store, draft("a"), request_id="r")


async def test_a_thousand_documents_are_synced_at_once(store: Store) -> None:
    drafts = [draft(f"{n:04}", f'{{"n":{n}}}', labels={"n": str(n)}) for n in range(1_000)]
    assert len((await sync(store, *drafts)).created_ids) == 1_000
    changed = [draft(f"{n:04}", f'{{"n":{n // 2}}}', labels={"n": str(n)}) for n in range(1_000)]
    done = await sync(store, *changed[:900], prune=True)
    assert [len(done.updated_ids), len(done.unchanged_ids), len(done.deleted_ids)] == [899, 1, 100]
    assert await names(store, labels={"n": "500"}) == ["c/0500"]


async def test_two_syncs_of_a_collection_are_applied_one_after_the_other(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    for number in range(6):
        one = [draft(name, str(number)) for name in "abc"]
        other = [draft(name, str(number)) for name in "cde"]
        await asyncio.gather(sync(two_stores[0], *one, prune=True), sync(two_stores[1], *other, prune=True))
        assert await names(two_stores[0]) in (["c/a", "c/b", "c/c"], ["c/c", "c/d", "c/e"])


async def test_puts_and_syncs_at_once_lose_nothing(two_stores: tuple[SqlStore, SqlStore]) -> None:
    drafts = [draft(str(n), "1") for n in range(10)]
    await asyncio.gather(
        *(sync(store, *drafts) for store in two_stores),
        *(put(two_stores[n % 2], draft(str(n), "2")) for n in range(20)),
    )
    assert len(await names(two_stores[0])) == 20


async def test_namespaces_are_synced_apart(store: Store) -> None:
    await put(store, draft("a"))
    done = await sync(store, draft("b"), prune=True, namespace="other")
    assert done == SyncResult(created_ids=["b"])
    assert await names(store) == ["c/a"]
    assert await store.documents.delete(NAMESPACE, key("a")) == 1
