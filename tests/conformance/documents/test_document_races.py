"""DocumentStore: concurrent puts and deletions."""

from __future__ import annotations

import asyncio

from holdfastdb_server.domain.errors import (
    DependencyCycle,
    DocumentHasChildren,
    ParentNotFound,
    VersionMismatch,
)
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import draft, get, key, names, put


async def test_of_many_puts_at_once_one_creates_the_document_and_one_its_parent(store: Store) -> None:
    parent = draft("p", collection="parents")
    child = draft(parent=parent.key)
    done = await asyncio.gather(
        *(put(store, child, keep_existing=True, missing_parent=parent) for _ in range(32))
    )
    assert [sum(one.is_created for one in done), sum(one.is_parent_created for one in done)] == [1, 1]
    assert await names(store) == ["c/d", "parents/p"]


async def test_32_racers_on_two_stores_make_one_document(two_stores: tuple[SqlStore, SqlStore]) -> None:
    parent = draft("p", collection="parents")
    child = draft(parent=parent.key)
    for round_number in range(3):
        done = await asyncio.gather(
            *(put(two_stores[n % 2], child, keep_existing=True, missing_parent=parent) for n in range(32))
        )
        assert [sum(one.is_created for one in done), sum(one.is_parent_created for one in done)] == [1, 1]
        assert len({one.document.create_time for one in done}) == 1
        assert await names(two_stores[0]) == ["c/d", "parents/p"], round_number
        await two_stores[1].documents.delete(NAMESPACE, parent.key, with_children=True)


async def test_each_of_many_concurrent_puts_is_a_version(two_stores: tuple[SqlStore, SqlStore]) -> None:
    done = await asyncio.gather(
        *(put(two_stores[n % 2], draft(json=str(n), labels={"n": str(n)})) for n in range(32))
    )
    assert sorted(one.document.version for one in done) == list(range(1, 33))
    assert sum(one.is_created for one in done) == 1


async def test_of_concurrent_puts_with_one_expectation_one_is_done(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    await put(two_stores[0])
    done = await asyncio.gather(
        *(put(two_stores[n % 2], draft(json=str(n)), expected_version=1) for n in range(16)),
        return_exceptions=True,
    )
    failed = [one for one in done if isinstance(one, VersionMismatch)]
    assert len(failed) == 15
    assert (await get(two_stores[1])).version == 2


async def test_a_child_never_loses_its_parent_to_a_race(two_stores: tuple[SqlStore, SqlStore]) -> None:
    for number in range(8):
        await put(two_stores[0], draft("p"))
        child = put(two_stores[number % 2], draft(parent=key("p")))
        gone = two_stores[1].documents.delete(NAMESPACE, key("p"))
        made, deleted = await asyncio.gather(child, gone, return_exceptions=True)
        if isinstance(made, ParentNotFound):
            assert deleted == 1
            assert await names(two_stores[0]) == []
        else:
            assert isinstance(deleted, DocumentHasChildren)
            assert await two_stores[0].documents.delete(NAMESPACE, key("p"), with_children=True) == 2


async def test_two_that_move_under_each_other_make_no_cycle(two_stores: tuple[SqlStore, SqlStore]) -> None:
    for _ in range(4):
        await put(two_stores[0], draft("a"))
        await put(two_stores[0], draft("b"))
        done = await asyncio.gather(
            put(two_stores[0], draft("a", parent=key("b"))),
            put(two_stores[1], draft("b", parent=key("a"))),
            return_exceptions=True,
        )
        assert sum(isinstance(one, DependencyCycle) for one in done) == 1
        root = "b" if isinstance(done[1], DependencyCycle) else "a"
        assert await two_stores[0].documents.delete(NAMESPACE, key(root), with_children=True) == 2
