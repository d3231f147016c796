"""DocumentStore.list, search and list_collections: order, paging, and by which index."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfastdb_server.domain.documents.document import Document
from holdfastdb_server.domain.documents.filters import CollectionFilter, DocumentFilter
from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, Fetch, pages, read_all
from tests.support.documents import draft, get, key, listed, names, put, sync

ANY = CollectionFilter()
PATHS = ["a", "a!", "a!/x", "a/b", "a/b!", "a/b/c", "a/b/d/e", "a/z", "a0", "ab", "é", "🦑/a"]
"""In the order of their bytes, where `/` comes between `!` and `0`."""


def lister(store: Store, **where: Any) -> Fetch[Document]:
    return lambda page: store.documents.list(NAMESPACE, DocumentFilter(**where), page)


async def make(store: Store, *paths: str) -> None:
    for path in paths:
        await put(store, draft(collection=path))


async def test_the_lists_of_nothing_are_empty(store: Store) -> None:
    page = PageRequest(10, with_total=True)
    assert await store.documents.list(NAMESPACE, DocumentFilter(), page) == Page([], None, 0)
    assert await store.documents.search(NAMESPACE, DocumentFilter(words=("a",)), page) == Page([], None, 0)
    assert await store.documents.list_collections(NAMESPACE, CollectionFilter(), page) == Page([], None, 0)


async def test_documents_come_by_collection_and_id_in_byte_order(store: Store) -> None:
    ids = ["", "!", "/", "0", "A", "a", "aa", "z", "é", "｡", "🦑"][1:]
    for path in ("b", "a", "a/b", "a!"):
        await sync(store, *(draft(one, collection=path) for one in reversed(ids)), collection=path)
    expected = [f"{path}/{one}" for path in ("a", "a!", "a/b", "b") for one in ids]
    assert await names(store) == expected
    for descending in (False, True):
        for size in (1, 7, 40):
            read = await read_all(lister(store), size=size, descending=descending)
            assert [str(one.key) for one in read] == (expected[::-1] if descending else expected)


async def test_a_prefix_means_whole_segments(store: Store) -> None:
    await make(store, *PATHS)
    assert await names(store, collection="a") == ["a/d"]
    found = await names(store, collection_prefix="a")
    assert found == [f"{path}/d" for path in ("a", "a/b", "a/b!", "a/b/c", "a/b/d/e", "a/z")]
    assert await names(store, collection_prefix="a/b") == ["a/b/d", "a/b/c/d", "a/b/d/e/d"]


async def test_a_listed_document_is_the_same_as_a_single_one(store: Store) -> None:
    await put(store, draft("p"))
    content = Payload(data=b"\0", media_type="x/y")
    await put(store, draft(content=content, parent=key("p"), labels={"a": "1"}, metadata={"x": [1]}))
    for document in await listed(store):
        assert document == await get(store, document.key.document_id)
    (bare, _) = await listed(store, omit_payload=True)
    assert bare.fields.content is None
    assert bare.fields.labels == {"a": "1"}


@pytest.mark.parametrize("descending", [False, True])
async def test_what_is_there_during_the_whole_of_the_paging_is_returned_once(
    store: Store, descending: bool
) -> None:
    made = [f"c/{number:02}" for number in range(0, 24, 2)]
    await sync(store, *(draft(name[2:]) for name in made))
    seen: list[str] = []
    deleted: set[str] = set()
    async for page in pages(lister(store), 3, descending=descending):
        read = [str(one.key) for one in page.items]
        seen += read
        unread = [name for name in made if name not in seen and name not in deleted]
        for name in [*read[-2:], *unread[1:2]]:
            deleted.add(name)
            await store.documents.delete(NAMESPACE, key(name[2:]))
        await put(store, draft(f"{int(read[-1][2:]) + 1:02}"))
    assert len(seen) == len(set(seen))
    assert set(made) - deleted <= set(seen)


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await sync(store, *(draft(str(n), f'{{"n":{n},"w":"word"}}') for n in range(5)))
    await put(store, draft(collection="other"))
    where = DocumentFilter(collection="c")
    first = await store.documents.list(NAMESPACE, where, PageRequest(2, with_total=True))
    later = await store.documents.list(NAMESPACE, where, PageRequest(2, first.next, with_total=True))
    assert (first.total_size, later.total_size) == (5, 5)
    assert (await store.documents.list(NAMESPACE, where, PageRequest(2))).total_size is None
    found = DocumentFilter(words=("word",))
    assert (await store.documents.search(NAMESPACE, found, PageRequest(2, with_total=True))).total_size == 5


@pytest.mark.parametrize("omit_payload", [False, True])
async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store, omit_payload: bool) -> None:
    large = "x" * (PAGE_BYTES // 3)
    for number in range(6):
        await put(store, draft(str(number), f'"{large}"', metadata={"m": "x" * 1_000}))
    await put(store, draft("6", f'"{"x" * (PAGE_BYTES - 2)}"'))
    sizes = [len(page.items) async for page in pages(lister(store, omit_payload=omit_payload), 100)]
    assert sizes == ([7] if omit_payload else [2, 2, 2, 1])


async def test_a_page_without_contents_ends_before_its_metadata_pass_the_page_bytes(store: Store) -> None:
    count = PAGE_BYTES // 60_000 + 1
    await sync(store, *(draft(str(number), metadata={"m": "x" * 60_000}) for number in range(count)))
    read = [page async for page in pages(lister(store, omit_payload=True), 100)]
    assert len(read) == 2
    assert sum(len(page.items) for page in read) == count


async def test_a_search_is_paged_by_score_and_newness(store: Store) -> None:
    for number in range(9):
        await put(store, draft(str(number), '"red"' if number % 3 else '"red green"'))
    where = DocumentFilter(words=check_query("query", "red green"))
    expected = ["6", "3", "0", "8", "7", "5", "4", "2", "1"]
    for size in (1, 2, 9, 10):
        found = await read_all(lambda page: store.documents.search(NAMESPACE, where, page), size=size)
        assert [one.document.key.document_id for one in found] == expected
        assert [one.score for one in found] == [1.0] * 3 + [0.5] * 6


async def collections(
    store: Store, size: int = 100, where: CollectionFilter = ANY, *, descending: bool = False
) -> list[str]:
    return await read_all(
        lambda page: store.documents.list_collections(NAMESPACE, where, page), size, descending=descending
    )


async def test_collections_come_once_in_byte_order(store: Store) -> None:
    await make(store, *PATHS)
    await sync(store, *(draft(str(n), collection="ab") for n in range(30)), collection="ab")
    for size in (1, 5, 12, 100):
        assert await collections(store, size) == PATHS
        assert await collections(store, size, descending=True) == PATHS[::-1]
    last = await store.documents.list_collections(NAMESPACE, ANY, PageRequest(len(PATHS)))
    assert (last.items, last.next) == (PATHS, None)


CUT: list[tuple[CollectionFilter, list[str]]] = [
    (CollectionFilter(prefix="a"), ["a", "a/b", "a/b!", "a/b/c", "a/b/d/e", "a/z"]),
    (CollectionFilter(prefix="a/b"), ["a/b", "a/b/c", "a/b/d/e"]),
    (CollectionFilter(prefix="x"), []),
    (CollectionFilter(max_depth=1), ["a", "a!", "a0", "ab", "é", "🦑"]),
    (CollectionFilter(max_depth=2), ["a", "a!", "a!/x", "a/b", "a/b!", "a/z", "a0", "ab", "é", "🦑/a"]),
    (CollectionFilter(max_depth=64), PATHS),
    (CollectionFilter(prefix="a", max_depth=3), ["a", "a/b", "a/b!", "a/b/c", "a/b/d", "a/z"]),
    (CollectionFilter(suffix="a"), ["a", "🦑/a"]),
    (CollectionFilter(suffix="b/c"), ["a/b/c"]),
    (CollectionFilter(suffix="b"), ["a/b"]),
    (CollectionFilter(suffix="a/b/d/e"), ["a/b/d/e"]),
    (CollectionFilter(suffix="x/a/b/d/e"), []),
    (CollectionFilter(suffix="e", max_depth=2), ["a/b"]),
    (CollectionFilter(prefix="a", suffix="c"), ["a/b/c"]),
]


async def test_collections_are_filtered_and_cut(store: Store) -> None:
    await make(store, *PATHS)
    for where, expected in CUT:
        for size in (1, 100):
            assert await collections(store, size, where) == expected, where
            assert await collections(store, size, where, descending=True) == expected[::-1], where
        page = PageRequest(2, with_total=True)
        assert (await store.documents.list_collections(NAMESPACE, where, page)).total_size == len(expected)


async def test_a_cut_path_may_come_before_one_that_its_whole_comes_after(store: Store) -> None:
    await make(store, "m!", "m/x", "m/y")
    for size in (1, 100):
        assert await collections(store, size, CollectionFilter(max_depth=1), descending=True) == ["m!", "m"]
        assert await collections(store, size, CollectionFilter(max_depth=1)) == ["m", "m!"]


async def test_a_path_of_any_characters_is_cut_between_its_segments(store: Store) -> None:
    path = 'it\'s/"quoted"/back\\slash/,{}/%/[0]'
    await make(store, path)
    segments = path.split("/")
    for depth in range(1, len(segments) + 1):
        assert await collections(store, where=CollectionFilter(max_depth=depth)) == [
            "/".join(segments[:depth])
        ]
        end = CollectionFilter(suffix="/".join(segments[depth - 1 :]))
        assert await collections(store, where=end) == [path]


async def test_a_collection_is_there_as_long_as_a_document_is_in_it(store: Store) -> None:
    await make(store, "a", "b")
    await put(store, draft("other", collection="a"))
    await store.documents.delete(NAMESPACE, key("d", "a"))
    assert await collections(store) == ["a", "b"]
    await store.documents.delete(NAMESPACE, key("other", "a"))
    assert await collections(store) == ["b"]
    other = await store.documents.list_collections("other", CollectionFilter(), PageRequest(10))
    assert other.items == []


async def test_lists_go_on_while_documents_are_put(store: Store) -> None:
    await asyncio.gather(*(put(store, draft(str(n), collection=f"c/{n % 4}")) for n in range(40)))
    assert len(await names(store, collection_prefix="c")) == 40
    assert await collections(store, 3) == [f"c/{n}" for n in range(4)]
