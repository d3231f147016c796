"""MemoryStore.search: what a word is, how matches are ranked, and that the engines agree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfastdb_server.domain.errors import InvalidField, InvalidPageToken, RequestIdTaken
from holdfastdb_server.domain.limits import PAGE_BYTES, WORD_LENGTH
from holdfastdb_server.domain.memories import MemoryMatch
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, pages
from tests.support.memories import change, found, keep, search

# A lesson, the queries that find it and those that do not: the same on every engine.
CASES: list[tuple[str, list[str], list[str]]] = [
    ("Retry after a timeout", ["time", "TIMEOUT", "retry", "a", "aft"], ["out", "timeouts", "etry", "meout"]),
    ("snake_case and kebab-case", ["snake", "case", "kebab", "snake_case", "kebab-CASE"], ["snakecase"]),
    ("HTTP 503, then 200", ["503", "50", "http", "HTTP/503", "2"], ["03", "504"]),
    ("it's the user's", ["it", "s", "user", "it's"], ["its", "users"]),
    ("v1.2.3-rc4 x86_64", ["v1", "rc4", "2 9", "x86", "64"], ["1", "86", "rc5"]),
    ("1e5 3.14 0x1F 1_000", ["1e5", "3", "14", "0x1f", "000"], ["314", "1f", "e5"]),
    ("mail ann@example.org now", ["ann", "example", "org", "ann@example.org"], ["nn", "xample"]),
    ("see https://example.com/a/path?q=1", ["https", "path", "q", "com"], ["ttps"]),
    ("/usr/local/bin/python3 -c", ["usr", "local", "python", "c"], ["sr"]),
    ("AT&T <b>bold</b> &amp;", ["at", "t", "bold", "amp", "b"], ["att"]),
    ("Ünïcode CAFÉ", ["ünï", "café", "CAFE\u0301", "U\u0308ni\u0308code"], ["unicode", "cafe"]),
    ("Straße STRASSE", ["straße", "strasse", "STRASS"], ["strase"]),
    ("ΣΊΣΥΦΟΣ Οδυσσεύς", ["σίσυφος", "σίσυφοσ", "οδυσσεύσ"], ["σισυφος"]),
    ("Привет, мир ёж", ["привет", "ПРИВ", "МИР", "ёж"], ["ривет", "еж"]),
    ("東京タワー 大阪", ["東京", "東", "東京タワー", "大阪"], ["京", "タワー"]),
    ("한국어 검색", ["한국", "검색"], ["국어"]),
    ("हिन्दी में खोज", ["हिन्दी", "हिन", "खोज"], ["न्दी", "खा"]),
    ("ภาษาไทย", ["ภาษา", "ภาษาไทย"], ["ไทย"]),
    ("مرحبا بالعالم ٣٤", ["مرحبا", "بال", "٣"], ["عالم", "4"]),
    ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"], ["לוֹם"]),
    ("ﬁne Ⅷ x² ½ ｗｉｄｅ", ["fine", "viii", "x2", "1", "wide", "ﬁn", "ｗｉ"], ["8", "ine"]),
    ("I İstanbul ISTANBUL ı", ["istanbul", "i"], ["stanbul"]),
    ("𝔘𝔫𝔦 𐐀𐐁 🦑squid🦑 👩‍👩‍👧", ["uni", "𐐨", "squid"], ["quid"]),
    ("Ɐꟺ Ꞔꟶ 𞤀𞤁 𖹀", ["ɐ", "ꞔ", "𞤢", "𖹠"], ["𞤣"]),
    ("tab\tnew\nline\u2028sep\u00a0nbsp\u3000wide\u200bzero", ["new", "sep", "nbsp", "wide", "zero"], ["ew"]),
    ("a'b\\c\"d$e%f*g(h)i:j&k|l!m<n>o", list("abcdefghijklmno"), ["ab", "p"]),
    (
        "AND OR NOT NEAR whole half rowid",
        ["and", "or", "not", "near", "whole", "half", "rowid"],
        ["an d2"[3:]],
    ),
    (
        "x" * 300 + " " + "y" * 254 + "é",
        ["x" * 300, "x" * 255, "x" * 400, "y" * 254 + "é"],
        ["x" * 254 + "z"],
    ),
]


async def test_every_engine_finds_the_same(store: Store) -> None:
    for number, (lesson, _, _) in enumerate(CASES):
        await keep(store, f"m{number}", lesson)
    for number, (lesson, finding, missing) in enumerate(CASES):
        for query in finding:
            assert f"m{number}" in await found(store, query), (lesson, query)
        for query in missing:
            assert f"m{number}" not in await found(store, query), (lesson, query)


async def test_what_is_found_is_what_the_definition_says(store: SqlStore) -> None:
    """Whatever the engine does with words: look at all prefixes of all words of all cases."""
    words = {f"m{n}": set(check_query("q", lesson)) for n, (lesson, _, _) in enumerate(CASES)}
    for number, (lesson, _, _) in enumerate(CASES):
        await keep(store, f"m{number}", lesson)
    every = sorted({word for known in words.values() for word in known})
    wanted = sorted({word[:length] for word in every for length in (1, 2, len(word))})
    for query in wanted[::3]:
        expected = {
            name
            for name, known in words.items()
            if any(word.startswith(query[:WORD_LENGTH]) for word in known)
        }
        assert set(await found(store, query)) == expected, query


@pytest.mark.parametrize(
    "query", ["", " \t", "!?*", "🦑", "'\"\\", " ".join(map(str, range(65))), "x" * 4_001]
)
def test_a_query_has_1_to_64_words_in_4000_characters(query: str) -> None:
    with pytest.raises(InvalidField) as caught:
        check_query("query", query)
    assert caught.value.field == "query"


async def test_64_words_can_be_searched_for(store: Store) -> None:
    words = [f"w{number:02}" for number in range(64)]
    await keep(store, lesson=" ".join(words[:48]))
    [match] = (await search(store, " ".join(words))).items
    assert match.score == 48 / 64


async def test_words_are_found_in_the_lesson_the_context_and_the_tool_name_alone(store: Store) -> None:
    await keep(store, "lesson", "needle")
    await keep(store, "context", context="a needle in it")
    await keep(store, "tool", tool_name="find_needle")
    elsewhere: dict[str, Any] = {"agent_id": "needle", "user_id": "needle", "session_id": "needle"}
    await keep(store, "needle", labels={"needle": "needle"}, metadata={"needle": "needle"}, **elsewhere)
    page = await search(store, "needle")
    assert [(match.memory.memory_id, match.score) for match in page.items] == [
        ("lesson", 1.0),
        ("tool", 0.5),
        ("context", 0.5),
    ]


async def test_the_score_is_the_share_of_the_different_words_that_are_found(store: Store) -> None:
    await keep(store, "all", "red green blue")
    await keep(store, "mixed", "red things", context="green blue")
    await keep(store, "two", "red green redder")
    await keep(store, "one", "blue")
    await keep(store, "none", "yellow")
    page = await search(store, "Red GREEN blue red")
    assert [(match.memory.memory_id, match.score) for match in page.items] == [
        ("all", 1.0),
        ("two", 2 / 3),
        ("mixed", 2 / 3),
        ("one", 1 / 3),
    ]


async def test_a_word_counts_in_the_lesson_even_if_another_beginning_like_it_is_elsewhere(
    store: Store,
) -> None:
    await keep(store, "m", "timeout", context="timer time")
    assert [match.score for match in (await search(store, "time")).items] == [1.0]
    assert [match.score for match in (await search(store, "timer time")).items] == [0.75]


async def test_among_equals_the_surer_come_first_then_the_newer(store: Store) -> None:
    for name, confidence in (("old", 0.5), ("sure", 0.9), ("new", 0.5), ("surest", 1.0), ("unsure", 0.0)):
        await keep(store, name, "needle", confidence=confidence)
    await keep(store, "half", context="needle")
    assert await found(store, "needle") == ["surest", "sure", "new", "old", "unsure", "half"]


async def test_with_match_all_only_those_with_every_word_are_found(store: Store) -> None:
    await keep(store, "both", "red", context="green")
    await keep(store, "lesson", "red green")
    await keep(store, "red", "red red")
    assert await found(store, "green red", match_all=True) == ["lesson", "both"]
    assert await found(store, "green red yellow", match_all=True) == []


async def test_all_filters_must_hold_too(store: Store) -> None:
    whole: dict[str, Any] = {
        "tool_name": "t",
        "agent_id": "a",
        "user_id": "u",
        "session_id": "s",
        "labels": {"l": "1"},
        "metadata": {"m": 1},
    }
    await keep(store, "whole", "needle", confidence=0.8, **whole)
    for name in whole:
        given = {k: v for k, v in whole.items() if k != name}
        await keep(store, f"without {name}", "needle", confidence=0.8, **given)
    await keep(store, "unsure", "needle", confidence=0.7, **whole)
    await keep(store, "without word", "other", confidence=0.8, **whole)
    for name, value in whole.items():
        names = set(await found(store, "needle", **{name: value}))
        assert f"without {name}" not in names
        assert len(names) == len(whole) + 1
    assert await found(store, "needle", min_confidence=0.8, **whole) == ["whole"]
    first = await store.memories.get(NAMESPACE, "whole")
    assert await found(store, "needle", created_until=first.create_time) == []


async def test_words_are_searched_as_they_are_now(store: Store) -> None:
    await keep(store, lesson="old lesson", context="old context", tool_name="old_tool")
    await change(store, lesson="new lesson", context="", tool_name="new")
    assert await found(store, "old") == []
    assert [match.score for match in (await search(store, "new lesson")).items] == [1.0]
    await change(store, confidence=0.5)
    assert await found(store, "new") == ["m"]


async def test_a_long_memory_is_found_by_any_of_its_words(store: Store) -> None:
    words = [f"w{number}é" for number in range(8_000)]
    await keep(store, lesson=" ".join(words)[:65_536], context="late")
    for query in ("w0é", "w5000é", "late"):
        assert await found(store, query) == ["m"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9, 10, 100])
async def test_paging_returns_each_match_once_in_order(store: Store, size: int) -> None:
    for number in range(9):
        lesson = "red green" if number % 3 == 0 else "red" if number % 3 == 1 else "other"
        await keep(store, f"m{number}", lesson, context="green red", confidence=(number % 2) / 3)
    whole = [match.memory.memory_id for match in (await search(store, "red green")).items]
    assert len(whole) == 9

    async def fetch(page: PageRequest) -> Page[MemoryMatch]:
        return await search(store, "red green", page=page)

    read = [page async for page in pages(fetch, size)]
    assert [match.memory.memory_id for page in read for match in page.items] == whole
    assert all(len(page.items) == size for page in read[:-1])
    assert read[-1].items


async def test_the_cursor_is_the_points_the_confidence_the_creation_time_and_the_key(store: Store) -> None:
    for number in range(2):
        await keep(store, f"m{number}", "needle", confidence=0.1 + 0.2)
    page = await search(store, "needle", page=PageRequest(1))
    assert page.next is not None
    points, confidence, micros, key = page.next
    assert (points, confidence) == (2, repr(0.1 + 0.2))
    created = page.items[0].memory.create_time.timestamp()
    assert int(micros) / 1e6 == pytest.approx(created)
    assert isinstance(key, int)
    for forged in ((2, "sure", 1, 1), (2, "0.5", 2**62, 1)):
        with pytest.raises(InvalidPageToken):
            await search(store, "needle", page=PageRequest(1, forged))


async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store) -> None:
    for number in range(14):
        await keep(store, f"m{number:02}", "needle " + "🦑" * 65_000)

    async def fetch(page: PageRequest) -> Page[MemoryMatch]:
        return await search(store, "needle", page=page)

    read = [page async for page in pages(fetch, 100)]
    assert sum(len(page.items) for page in read) == 14
    for page in read:
        assert sum(len(match.memory.fields.lesson.encode()) for match in page.items) <= PAGE_BYTES
    assert len(read) == 2


async def test_a_use_is_counted_where_it_is_asked_for(store: Store) -> None:
    for number in range(3):
        await keep(store, f"m{number}", "needle", confidence=number / 2)
    before = await store.memories.get(NAMESPACE, "m2")
    await search(store, "needle")
    assert (await store.memories.get(NAMESPACE, "m2")) == before
    page = await search(store, "needle", count_use=True, page=PageRequest(2))
    assert [match.memory.use_count for match in page.items] == [1, 1]
    used = await store.memories.get(NAMESPACE, "m2")
    assert page.items[0].memory == used
    assert used.last_use_time is not None
    assert used.last_use_time > used.create_time
    assert (used.version, used.update_time, used.use_count) == (1, before.update_time, 1)
    # Only those on the page.
    assert (await store.memories.get(NAMESPACE, "m0")).use_count == 0


async def test_a_repeated_search_searches_again_and_counts_nothing(store: Store) -> None:
    await keep(store, lesson="needle")
    await search(store, "needle", count_use=True, request_id="r")
    await keep(store, "new", "needle")
    page = await search(store, "needle", count_use=True, request_id="r")
    assert [(match.memory.memory_id, match.memory.use_count) for match in page.items] == [
        ("new", 0),
        ("m", 1),
    ]
    with pytest.raises(RequestIdTaken):
        await search(store, "other", count_use=True, request_id="r")
    with pytest.raises(RequestIdTaken):
        await search(store, "needle", count_use=True, request_id="r", min_confidence=0.1)
    # Without counting it has no meaning.
    await search(store, "other", request_id="r")


async def count_at_once(stores: list[Store]) -> list[int]:
    for number in range(5):
        await keep(stores[0], f"m{number}", "needle", confidence=number / 5)
    searches = [
        search(
            stores[n % len(stores)], "needle", count_use=True, page=PageRequest(5 - n % 3), request_id=f"r{n}"
        )
        for n in range(12)
    ]
    await asyncio.gather(*searches)
    return [(await stores[0].memories.get(NAMESPACE, f"m{n}")).use_count for n in range(5)]


async def test_uses_at_once_are_all_counted(store: Store) -> None:
    assert await count_at_once([store]) == [4, 8, 12, 12, 12]


async def test_uses_through_two_replicas_are_all_counted(two_stores: tuple[SqlStore, SqlStore]) -> None:
    assert await count_at_once(list(two_stores)) == [4, 8, 12, 12, 12]


async def test_another_namespace_is_not_searched(store: Store) -> None:
    await keep(store, lesson="needle")
    assert await found(store, "needle", namespace="other") == []
