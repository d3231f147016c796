"""Which indexes the engines use for documents: no frequent call reads a whole table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.documents.document import Document
from holdfastdb_server.domain.documents.filters import (
    CollectionFilter,
    ContentOperator,
    DocumentFilter,
    content_filter,
)
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.documents import HOUR, draft, get, key, put, sync
from tests.support.filled import FilledStore, filled_store

LARGE = {"documents", "document_label_index", "document_members"}
BY_NAME = {"documents_namespace_collection_id_key", "sqlite_autoindex_documents_1"}
COLLECTIONS, EACH = 40, 250
PAGE = PageRequest(20)


async def listed(filled: FilledStore, *, rows: int, **where: Any) -> set[str]:
    """Check the first page of a list, and the one after it."""
    wanted = DocumentFilter(**where).checked()
    read = filled.store.documents.list
    first = await read(NAMESPACE, wanted, PAGE)
    assert first.items
    pages = [PAGE, PageRequest(20, descending=True)]
    if first.next is not None:
        pages.append(PageRequest(20, first.next))
    return await filled.check(*(read(NAMESPACE, wanted, page) for page in pages), rows=rows)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[FilledStore]:
    """Thousands of documents in many collections and two namespaces."""
    async with filled_store(request, fill, LARGE) as filled:
        yield filled


async def fill(store: SqlStore) -> None:
    for number in range(COLLECTIONS):
        path = f"{'ab'[number % 2]}/{number}"
        drafts = [one(number * EACH + n, path) for n in range(EACH)]
        await sync(store, *drafts, collection=path, namespace=(NAMESPACE, "other")[number % 4 == 3])


def one(number: int, collection: str) -> Any:
    parent = key(f"d{number // EACH * EACH}", collection) if number % 20 == 7 else None
    return draft(
        f"d{number}",
        f'{{"n":{number},"w":"common rare{number % 500}","x":"{"x" * 200}"}}',
        collection=collection,
        parent=parent,
        labels={"l": str(number % 500)},
        metadata={"m": number % 500},
        ttl=HOUR if number % 10 == 0 else None,
    )


async def document(filled: FilledStore) -> Document:
    return await get(filled.store, "d1000", "a/4")


async def test_a_document_is_found_by_its_name(filled: FilledStore) -> None:
    used = await filled.check(document(filled), rows=1)
    assert used <= BY_NAME


async def test_a_list_by_name_reads_a_page(filled: FilledStore) -> None:
    for where in ({"collection": "a/4"}, {"collection_prefix": "a"}, {"collection_prefix": "b"}, {}):
        used = await listed(filled, rows=60, **where)
        assert used & BY_NAME, where


async def test_children_are_found_by_their_parent(filled: FilledStore) -> None:
    used = await listed(filled, rows=60, parent=key("d1000", "a/4"))
    assert "documents_parent_key_idx" in used


async def test_labels_metadata_and_times_are_found_by_their_indexes(filled: FilledStore) -> None:
    label_index = {"document_label_index_value_idx"}
    assert await listed(filled, rows=120, labels={"l": "8"}) & (label_index | {"documents_labels_idx"})
    assert await listed(filled, rows=120, metadata={"m": 8}) & (label_index | {"documents_metadata_idx"})
    changed = await put(filled.store, draft("d9749", "[]", collection="a/38"))
    used = await listed(filled, rows=120, updated_from=changed.document.update_time)
    assert "documents_namespace_update_time_key_idx" in used


async def test_filters_on_content_look_into_one_collection_only(filled: FilledStore) -> None:
    where = content_filter("f.", "/n", ContentOperator.GREATER, "1240")
    used = await listed(filled, rows=4 * EACH, collection="a/4", content=[where])
    assert used & BY_NAME


async def test_words_are_found_by_their_beginning(filled: FilledStore) -> None:
    where = DocumentFilter(words=("rare77",))
    await filled.check(filled.store.documents.search(NAMESPACE, where, PAGE), rows=200)


async def test_collections_are_listed_without_reading_their_documents(filled: FilledStore) -> None:
    read = filled.store.documents.list_collections
    for where in (CollectionFilter(), CollectionFilter("b"), CollectionFilter(max_depth=1)):
        rows = 50 if where.max_depth else 12
        used = await filled.check(read(NAMESPACE, where, PageRequest(5)), rows=rows)
        assert used <= BY_NAME


async def test_writes_look_at_what_they_change(filled: FilledStore) -> None:
    store = filled.store
    await filled.check(
        put(store, draft("new", collection="a/0", parent=key("d0", "a/0"))),
        put(store, draft("new", "1", collection="a/0", ttl=timedelta(hours=1))),
        get(store, "new", "a/0", refresh_ttl=True),
        sync(store, draft("d1", "2", collection="a/0"), draft("d2", "2", collection="a/0"), collection="a/0"),
        store.documents.delete(NAMESPACE, key("new", "a/0")),
        rows=20,
    )


async def test_lapsed_documents_are_found_by_their_time(filled: FilledStore) -> None:
    assert "documents_expiry_check_time_idx" in await filled.check(
        filled.store.documents.delete_lapsed(10), rows=10
    )
