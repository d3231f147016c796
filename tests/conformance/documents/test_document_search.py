"""DocumentStore.search: which documents match a text, and their scores. The same cases on each engine."""

from __future__ import annotations

from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.documents import draft, ids, put, search, sync


async def test_words_are_found_in_string_values_at_the_beginning_of_a_word(store: Store) -> None:
    await sync(
        store,
        draft("timeout", '{"a":["The Timeout was 30 s"]}'),
        draft("name", '{"timeout":1}'),
        draft("inner", '"overtime"'),
        draft("escaped", '"caf\\u00e9 \\u0000zero"'),
        draft("script", '"Строка हिन्दी"'),
        draft("bytes", content=Payload(data=b"timeout")),
    )
    assert await ids(store, "time") == ["timeout"]
    assert await ids(store, "TIMEOUT!") == ["timeout"]
    assert await ids(store, "timeouts") == []
    assert await ids(store, "3") == ["timeout"]
    assert (
        await ids(store, "CAFÉ") == await ids(store, "cafe\u0301") == await ids(store, "zero") == ["escaped"]
    )
    assert await ids(store, "строк") == await ids(store, "हिन्दी") == ["script"]
    assert await ids(store, "हद") == []


async def test_the_score_is_the_share_of_the_words_and_the_best_come_first(store: Store) -> None:
    await put(store, draft("one", '"red"'))
    await put(store, draft("all", '["red","green blue"]'))
    await put(store, draft("twice", '"red redder redness"'))
    await put(store, draft("two", '"blue green"'))
    matches = await search(store, "red green Blue")
    assert [(one.document.key.document_id, round(one.score, 3)) for one in matches] == [
        ("all", 1.0),
        ("two", 0.667),
        ("twice", 0.333),
        ("one", 0.333),
    ]


async def test_words_are_searched_as_they_are_now(store: Store) -> None:
    await put(store, draft("a", '"old"'))
    await put(store, draft("a", '"new"'))
    assert await ids(store, "old") == []
    assert await ids(store, "new") == ["a"]


async def test_a_query_is_searched_in_the_wanted_collections(store: Store) -> None:
    for collection in ("a", "a/b", "ab"):
        await put(store, draft(collection, '"word"', collection=collection))
    assert sorted(await ids(store, "word", collection_prefix="a")) == ["a", "a/b"]
    assert await ids(store, "word", collection="ab") == ["ab"]
