"""StateStore.list: filters, order and paging."""

from __future__ import annotations

from typing import Any

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.limits import MEBIBYTE, PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.states import State, StateFilter, StateSelection
from holdfastdb_server.domain.values import Payload, dump_json
from tests.support.content import NAMESPACE, Fetch, pages, read_all, save, write

# By bytes of UTF-8, which is not the order of UTF-16 (the last two) nor of any language.
KEYS = ["A", "B", "Z", "_", "a", "a%", "a/1", "a/10", "a/2", "a0", "b", "~", "é", "ｚ", "𐀀"]


def lister(store: Store, where: StateFilter) -> Fetch[State]:
    return lambda page: store.states.list(NAMESPACE, "s", where.checked(), page)


async def found(store: Store, *, descending: bool = False, size: int = 100, **where: Any) -> list[str]:
    """Return the keys that match."""
    states = await read_all(lister(store, StateFilter(**where)), size=size, descending=descending)
    return [state.key for state in states]


async def found_versions(
    store: Store, *, descending: bool = False, size: int = 100, **where: Any
) -> list[tuple[str, int]]:
    """Return the keys and versions that match, of every version."""
    fetch = lister(store, StateFilter(all_versions=True, **where))
    return [(s.key, s.version) for s in await read_all(fetch, size=size, descending=descending)]


async def save_all(store: Store, keys: list[str]) -> None:
    await save(store, *(write(key, "1") for key in keys))


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    page = await store.states.list(NAMESPACE, "s", StateFilter(), PageRequest(10, with_total=True))
    assert page == Page([], None, 0)


async def test_listing_in_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.states.list(NAMESPACE, "absent", StateFilter(), PageRequest(10))


async def test_keys_come_in_the_order_of_their_bytes_in_either_direction(store: Store) -> None:
    assert sorted(KEYS, key=str.encode) == KEYS
    await save_all(store, KEYS[::2] + KEYS[1::2])
    assert await found(store) == KEYS
    assert await found(store, descending=True) == KEYS[::-1]


async def test_the_newest_version_of_each_key_is_listed_whole(store: Store) -> None:
    await save(store, write("k", "1", metadata={"m": 1}, run_id="r1"), write("other", "0"))
    await save(store, write("k", "2", metadata={"m": 2}, run_id="r2"))
    states = await read_all(lister(store, StateFilter()), size=100)
    assert states == [await store.states.load(NAMESPACE, "s", key) for key in ("k", "other")]
    assert states[0].payload == Payload(json="2")


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_of_all_versions_the_newer_comes_first_in_either_direction(
    store: Store, size: int, descending: bool
) -> None:
    for count, key in ((3, "a"), (1, "b"), (2, "c")):
        for number in range(count):
            await save(store, write(key, str(number)))
    ascending = [("a", 3), ("a", 2), ("a", 1), ("b", 1), ("c", 2), ("c", 1)]
    downward = [("c", 2), ("c", 1), ("b", 1), ("a", 3), ("a", 2), ("a", 1)]
    assert await found_versions(store, descending=descending, size=size) == (
        downward if descending else ascending
    )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 2, 7, 14, 15, 16])
async def test_paging_returns_each_key_once(store: Store, size: int, descending: bool) -> None:
    await save_all(store, KEYS)
    read = [page async for page in pages(lister(store, StateFilter()), size, descending=descending)]
    keys = [state.key for page in read for state in page.items]
    assert keys == (KEYS[::-1] if descending else KEYS)
    assert all(len(page.items) == size for page in read[:-1])
    assert read[-1].items


async def test_the_cursor_is_the_key_and_the_version(store: Store) -> None:
    await save_all(store, ["a", "b"])
    await save(store, write("a"))
    assert (await store.states.list(NAMESPACE, "s", StateFilter(), PageRequest(1))).next == ("a", 2)


async def test_keys_saved_and_deleted_while_paging_do_not_disturb_the_others(store: Store) -> None:
    await save_all(store, KEYS)
    seen: list[str] = []
    async for page in pages(lister(store, StateFilter()), 4):
        keys = [state.key for state in page.items]
        seen += keys
        # The cursor's own key goes, those read get another version, and one comes before and behind.
        await store.states.delete(NAMESPACE, "s", StateSelection(keys=[keys[-1]]))
        await save(store, *(write(key, "2") for key in keys[:-1]))
        await save(store, write(f"A{len(seen)}"))
    assert [key for key in seen if key in KEYS] == KEYS


PREFIXES = {
    "a": ["a", "a%", "a/1", "a/10", "a/2", "a0"],
    "a/": ["a/1", "a/10", "a/2"],
    "a/1": ["a/1", "a/10"],
    "a%": ["a%"],
    "_": ["_"],
    "%": [],
    "é": ["é"],
    "𐀀": ["𐀀"],
    "zz": [],
}


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_keys_are_found_by_their_prefix(store: Store, prefix: str) -> None:
    await save_all(store, KEYS)
    assert await found(store, key_prefix=prefix) == PREFIXES[prefix]
    assert await found(store, key_prefix=prefix, descending=True) == PREFIXES[prefix][::-1]


@pytest.mark.parametrize("last", ["\U0010ffff", "\ud7ff", "\uffff", "a\U0010ffff\U0010ffff", "\x7e"])
async def test_a_prefix_may_end_with_any_character(store: Store, last: str) -> None:
    keys = sorted([last, last + "x", last + "\U0010ffff", "a", "b"], key=str.encode)
    await save_all(store, keys)
    assert await found(store, key_prefix=last) == [key for key in keys if key.startswith(last)]


async def test_keys_are_bounded_by_others_exclusively_in_byte_order(store: Store) -> None:
    await save_all(store, KEYS)
    for first in (*KEYS, "a/15", "0"):
        after = [key for key in KEYS if key.encode() > first.encode()]
        before = [key for key in KEYS if key.encode() < first.encode()]
        assert await found(store, key_after=first) == after
        assert await found(store, key_before=first) == before
    assert await found(store, key_after="a", key_before="b", key_prefix="a/") == ["a/1", "a/10", "a/2"]
    assert await found(store, key_after="a/1", key_before="a0", descending=True) == ["a/2", "a/10"]


async def test_bounds_and_prefix_hold_on_every_page(store: Store) -> None:
    await save_all(store, KEYS)
    for descending in (False, True):
        keys = await found(store, key_after="A", key_before="é", size=2, descending=descending)
        assert keys == (KEYS[1:12][::-1] if descending else KEYS[1:12])


async def test_the_metadata_of_the_newest_version_counts(store: Store) -> None:
    await save(store, write("a", metadata={"m": 1, "x": "y"}), write("b", metadata={"m": 1}))
    await save(store, write("b", metadata={"m": 2}))
    assert await found(store, metadata={"m": 1}) == ["a"]
    assert await found(store, metadata={"m": 2}) == ["b"]
    assert await found(store, metadata={"m": 1, "x": "y"}) == ["a"]
    assert await found(store, metadata={"m": 1, "x": "z"}) == []


async def test_of_all_versions_the_metadata_of_each_counts(store: Store) -> None:
    for number in (1, 2, 1):
        await save(store, write("a", metadata={"m": number}))
    await save(store, write("b", metadata={"m": 1}))
    assert await found_versions(store, metadata={"m": 1}) == [("a", 3), ("a", 1), ("b", 1)]
    assert await found_versions(store, metadata={"m": 1}, size=1) == [("a", 3), ("a", 1), ("b", 1)]


async def test_metadata_is_searched_by_value_and_type(store: Store) -> None:
    scalars: dict[str, Any] = {
        "string": "1",
        "one": 1,
        "fraction": 1.5,
        "true": True,
        "false": False,
        "null": None,
        "zero": 0,
        "empty": "",
        "quote": "a\"b'c\\d$.[0]",
    }
    for name, value in scalars.items():
        await save(store, write(name, metadata={"x": value, "ключ.$": name}))
    await save(store, write("absent"), write("array", metadata={"x": [*scalars.values()]}))
    for name, value in scalars.items():
        assert await found(store, metadata={"x": value}) == [name]
        assert await found(store, metadata={"ключ.$": name}) == [name]


async def test_states_are_found_by_the_run_of_their_newest_version_or_of_each(store: Store) -> None:
    await save(store, write("a", run_id="r1"), write("b", run_id="r1"), write("c"))
    await save(store, write("b", run_id="r2"))
    assert await found(store, run_id="r1") == ["a"]
    assert await found(store, run_id="r2") == ["b"]
    assert await found_versions(store, run_id="r1") == [("a", 1), ("b", 1)]


async def test_all_filters_together_must_match(store: Store) -> None:
    wanted = write("p/2", metadata={"m": 1}, run_id="r")
    await save(store, wanted, write("p/3", metadata={"m": 1}), write("p/4", run_id="r"), write("q/2"))
    await save(
        store, write("p/1", metadata={"m": 1}, run_id="r"), write("p/9", metadata={"m": 1}, run_id="r")
    )
    where: dict[str, Any] = {
        "key_prefix": "p/",
        "key_after": "p/1",
        "key_before": "p/9",
        "metadata": {"m": 1},
        "run_id": "r",
    }
    assert await found(store, **where) == ["p/2"]
    assert await found_versions(store, **where) == [("p/2", 1)]


async def test_payloads_are_left_out_on_request(store: Store) -> None:
    await save(store, write("a", "1", metadata={"m": 1}), write("b", payload=Payload(data=b"x")))
    read = await read_all(lister(store, StateFilter(omit_payload=True)), size=100)
    assert [(state.key, state.payload) for state in read] == [("a", None), ("b", None)]
    assert read[0].metadata == {"m": 1}


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await save_all(store, KEYS)
    await save_all(store, KEYS[:3])

    async def total(where: StateFilter, after: Any = None) -> int | None:
        return (
            await store.states.list(NAMESPACE, "s", where, PageRequest(2, after, with_total=True))
        ).total_size

    assert await total(StateFilter()) == len(KEYS)
    assert await total(StateFilter(), ("b", 1)) == len(KEYS)
    assert await total(StateFilter(all_versions=True)) == len(KEYS) + 3
    assert await total(StateFilter(key_prefix="a/")) == 3
    assert (await store.states.list(NAMESPACE, "s", StateFilter(), PageRequest(2))).total_size is None


@pytest.mark.parametrize("descending", [False, True])
async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store, descending: bool) -> None:
    for number in range(10):
        text = "x" * (MEBIBYTE - 2)
        await save(store, write(f"k{number}", f'"{text}"'))
    read = [page async for page in pages(lister(store, StateFilter()), 100, descending=descending)]
    assert sorted(state.key for page in read for state in page.items) == [f"k{n}" for n in range(10)]
    for page in read:
        assert len(page.items) <= PAGE_BYTES // MEBIBYTE
    assert all(len(page.items) > 1 for page in read[:-1])


@pytest.mark.parametrize("letter", ["x", "🦑"], ids=["ascii", "emoji"])
@pytest.mark.parametrize("omit", [False, True], ids=["with payload", "without payload"])
async def test_metadata_counts_for_the_page_bytes(store: Store, letter: str, omit: bool) -> None:
    metadata = {"m": letter * (65_000 // len(letter.encode()))}
    for number in range(100):
        await save(store, write(f"k{number:02}", "1", metadata=metadata))
    read = [page async for page in pages(lister(store, StateFilter(omit_payload=omit)), 100)]
    assert [state.key for page in read for state in page.items] == [f"k{n:02}" for n in range(100)]
    for page in read:
        assert sum(len(dump_json(state.metadata).encode()) for state in page.items) <= PAGE_BYTES


@pytest.mark.parametrize("sizes", [[2, 2], [3, 3, 1], [1, 3, 1], [1, 1, 2]])
async def test_a_large_state_does_not_push_a_page_over_the_page_bytes(store: Store, sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        await save(store, write(f"k{number}", payload=Payload(data=bytes(size * MEBIBYTE))))
    read = [page async for page in pages(lister(store, StateFilter()), 100)]
    assert [state.key for page in read for state in page.items] == [f"k{n}" for n in range(len(sizes))]
    for page in read:
        held = [len(state.payload.data or b"") for state in page.items if state.payload]
        assert len(held) == 1 or sum(held) <= PAGE_BYTES


async def test_left_out_payloads_do_not_count_for_the_page_bytes(store: Store) -> None:
    for number in range(6):
        await save(store, write(f"k{number}", payload=Payload(data=bytes(MEBIBYTE))))
    page = await store.states.list(NAMESPACE, "s", StateFilter(omit_payload=True), PageRequest(100))
    assert len(page.items) == 6
    assert page.next is None
