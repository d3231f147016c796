"""DocumentStore.list: which documents match. The same cases on each engine."""

from __future__ import annotations

import json
from typing import Any

from holdfastdb_server.domain.documents.filters import ContentFilter, ContentOperator, content_filter
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE
from tests.support.documents import draft, key, names, put, search, sync

EQUAL, NOT_EQUAL = ContentOperator.EQUAL, ContentOperator.NOT_EQUAL
GREATER, LESS = ContentOperator.GREATER, ContentOperator.LESS
GREATER_OR_EQUAL, LESS_OR_EQUAL = ContentOperator.GREATER_OR_EQUAL, ContentOperator.LESS_OR_EQUAL


def holds(pointer: str, operator: ContentOperator, value_json: str) -> ContentFilter:
    return content_filter("filter.", pointer, operator, value_json)


async def found(store: Store, pointer: str, operator: ContentOperator, value_json: str) -> list[str]:
    """Return the ids of the documents whose content meets the condition."""
    matching = await names(store, content=[holds(pointer, operator, value_json)])
    return [name.removeprefix("c/") for name in matching]


ORDERED = [
    "-1e400",
    "-9007199254740993",
    "-9007199254740992",
    "-10",
    "-2.50",
    "-2.4999999999999999999999",
    "-1e-400",
    "0",
    "1e-400",
    "0.1",
    "0.10000000000000000001",
    "2",
    "2.5",
    "10",
    "9007199254740992",
    "9007199254740992.5",
    "9007199254740993",
    "18446744073709551616",
    "1e22",
    "1e400",
]

SAME = [
    ("0", "-0"),
    ("0", "0.000e7"),
    ("1", "1.0"),
    ("1", "10e-1"),
    ("100", "1E+2"),
    ("0.1", "0.10"),
    ("12345678901234567890", "12345678901234567890.0"),
    ("1e400", "10e399"),
]


async def test_numbers_compare_by_their_size_to_the_last_digit(store: Store) -> None:
    await sync(store, *(draft(f"{n:02}", f'{{"n":{text}}}') for n, text in enumerate(ORDERED)))
    ids = [f"{n:02}" for n in range(len(ORDERED))]
    for n, text in enumerate(ORDERED):
        assert await found(store, "/n", EQUAL, text) == [ids[n]], text
        assert await found(store, "/n", GREATER, text) == ids[n + 1 :], text
        assert await found(store, "/n", LESS_OR_EQUAL, text) == ids[: n + 1], text
    assert await found(store, "/n", NOT_EQUAL, "0") == [*ids[:7], *ids[8:]]
    assert await found(store, "/n", GREATER_OR_EQUAL, "2.5") == ids[12:]
    assert await found(store, "/n", LESS, "-10") == ids[:3]


async def test_a_number_is_the_same_however_it_is_written(store: Store) -> None:
    for number, (one, other) in enumerate(SAME):
        await sync(store, draft(str(number), one), prune=True)
        assert await found(store, "", EQUAL, other) == [str(number)], other
        assert await found(store, "", NOT_EQUAL, other) == []
        assert await found(store, "", GREATER_OR_EQUAL, other) == [str(number)]
        assert await found(store, "", GREATER, other) == []


async def test_strings_compare_by_their_bytes(store: Store) -> None:
    texts = ["", "\0", "\0a", "\1", "\2", " ", "0", "1", "10", "A", "a", "a\0", "a\1", "ab", "b", "é", "🦑"]
    texts.sort(key=lambda text: text.encode())
    await sync(store, *(draft(f"{n:02}", json.dumps([text])) for n, text in enumerate(texts)))
    ids = [f"{n:02}" for n in range(len(texts))]
    for n, text in enumerate(texts):
        assert await found(store, "/0", EQUAL, json.dumps(text)) == [ids[n]]
        assert await found(store, "/0", EQUAL, json.dumps(text, ensure_ascii=False)) == [ids[n]]
        assert await found(store, "/0", GREATER, json.dumps(text)) == ids[n + 1 :]
        assert await found(store, "/0", LESS, json.dumps(text)) == ids[:n]


KINDS = {
    "array": "[]",
    "empty": '""',
    "false": "false",
    "null": "null",
    "number": "0",
    "object": "{}",
    "string": '"0"',
    "true": "true",
    "word": '"null"',
}


async def test_values_of_different_kinds_are_never_equal_and_have_no_order(store: Store) -> None:
    await sync(store, draft("absent"), *(draft(name, f'{{"v":{text}}}') for name, text in KINDS.items()))
    for name, text in KINDS.items():
        assert await found(store, "/v", EQUAL, text) == [name]
        assert await found(store, "/v", NOT_EQUAL, text) == sorted({"absent", *KINDS} - {name})
    for operator in (GREATER, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL):
        below = operator in (LESS, LESS_OR_EQUAL)
        expected = ["number"] if operator in (GREATER_OR_EQUAL, LESS_OR_EQUAL) else []
        assert await found(store, "/v", operator, "0") == expected
        assert await found(store, "/v", operator, "1") == (["number"] if below else [])
        assert await found(store, "/v", operator, '"zzz"') == (["empty", "string", "word"] if below else [])


CONTAINERS = [
    ('{"a":1,"b":[1,2]}', '{ "b": [1.0, 2], "a": 1e0 }', True),
    ('{"a":1}', '{"a":1,"b":null}', False),
    ('{"a":null}', "{}", False),
    ("[1,2]", "[2,1]", False),
    ("[1]", '{"0":1}', False),
    ("[]", "{}", False),
    ("[[]]", "[{}]", False),
    ('["1"]', "[1]", False),
    ('{"a":{"b":"\\u0000"}}', '{"a":{"b":"\\u0000"}}', True),
    ('{"a":1,"a":2}', '{"a":2}', True),
    ('{"a\\"b":1,"\\\\":"\\"\\\\"}', '{"\\\\":"\\"\\\\","a\\"b":1}', True),
    ('{"é":"🦑"}', '{"\\u00e9":"\\ud83e\\udd91"}', True),
]


async def test_objects_are_equal_whatever_the_order_of_their_keys(store: Store) -> None:
    for content, value, is_equal in CONTAINERS:
        await sync(store, draft("whole", content), draft("inside", f'{{"x":[0,{content}]}}'))
        assert await found(store, "", EQUAL, value) == (["whole"] if is_equal else []), content
        assert await found(store, "/x/1", EQUAL, value) == (["inside"] if is_equal else [])
        others = ["whole"] if is_equal else ["inside", "whole"]
        assert await found(store, "/x/1", NOT_EQUAL, value) == others


POINTERS: list[tuple[str, str, bool]] = [
    ('{"a":{"b":1}}', "/a/b", True),
    ('{"a/b":1}', "/a~1b", True),
    ('{"a/b":1}', "/a/b", False),
    ('{"~1":1}', "/~01", True),
    ('{"":1}', "/", True),
    ('{"":{"":1}}', "//", True),
    ('{"0":1}', "/0", True),
    ("[1]", "/0", True),
    ("[0,1]", "/1", True),
    ("[0,1]", "/01", False),
    ("[0,1]", "/-1", False),
    ("[0,1]", "/-", False),
    ("[0,1]", "/+1", False),
    ("[0,1]", "/%", False),
    ('{"-1":1}', "/-1", True),
    ('{"%":1}', "/%", True),
    ('{"%0025":1}', "/%", False),
    ('{"A":1}', "/a", False),
    ('{"a.b":1}', "/a.b", True),
    ('{"a":{"b":1}}', "/a.b", False),
    ('{"$":1}', "/$", True),
    ('{"[0]":1}', "/[0]", True),
    ('{"a\\"b":1}', '/a"b', True),
    ('{"it\'s":1}', "/it's", True),
    ('{"a\\\\b":1}', "/a\\b", True),
    ('{"\\u0000":1}', "/\0", True),
    ('{"a\\nb":1}', "/a\nb", True),
    ('{"ключ":{"🦑":1}}', "/ключ/🦑", True),
    ('{"a":"{\\"b\\":1}"}', "/a/b", False),
    ('{"a":1,"a":2}', "/a", False),
    ('{"a":{"b":1},"a":{}}', "/a/b", False),
    ('{"a":2,"a":1}', "/a", True),
    ("1", "", True),
    ('{"a,b":1}', "/a,b", True),
    ('{"{a}":1}', "/{a}", True),
    ('{"NULL":1}', "/NULL", True),
    ('{" ":1}', "/ ", True),
]


async def test_a_pointer_leads_to_a_member(store: Store) -> None:
    await put(store, draft("other", "[]"))
    for content, pointer, is_there in POINTERS:
        await put(store, draft("d", content))
        case = (content, pointer)
        assert await found(store, pointer, EQUAL, "1") == (["d"] if is_there else []), case
        assert await found(store, pointer, NOT_EQUAL, "1") == (["other"] if is_there else ["d", "other"]), (
            case
        )


async def test_content_that_is_not_json_has_no_members(store: Store) -> None:
    await put(store, draft("bytes", content=Payload(data=b'{"a":1}', media_type="application/json")))
    for pointer in ("", "/a"):
        assert await found(store, pointer, EQUAL, "1") == []
        assert await found(store, pointer, LESS, "2") == []
        assert await found(store, pointer, NOT_EQUAL, "1") == ["bytes"]
        assert await found(store, pointer, NOT_EQUAL, "null") == ["bytes"]


async def test_filters_read_the_content_as_it_is_now(store: Store) -> None:
    await sync(store, draft(json='{"a":1}'), draft("other", '{"a":1}'))
    await put(store, draft(json='{"b":1}'))
    assert await found(store, "/a", EQUAL, "1") == ["other"]
    assert await found(store, "/b", EQUAL, "1") == ["d"]
    await put(store, draft(content=Payload(data=b"")))
    assert await found(store, "/b", EQUAL, "1") == []


async def test_filters_read_deep_and_large_content(store: Store) -> None:
    depth = 250
    deep = '{"a":[' * depth + "7" + "]}" * depth
    large = json.dumps({"list": list(range(20_000)), "last": "x" * 50_000})
    await sync(store, draft("deep", deep), draft("large", large))
    assert await found(store, "/a/0" * depth, EQUAL, "7") == ["deep"]
    assert await found(store, "", EQUAL, deep) == ["deep"]
    assert await found(store, "/list/19999", GREATER, "19998.5") == ["large"]
    assert await found(store, "/last", EQUAL, json.dumps("x" * 50_000)) == ["large"]


async def test_all_filters_together_must_match(store: Store) -> None:
    await put(store, draft("p"))
    fields: dict[str, Any] = {"parent": key("p"), "labels": {"l": "1"}, "metadata": {"m": 1}}
    whole = await put(store, draft("whole", '{"a":5,"b":"lemon tea"}', **fields))
    await put(store, draft("other a", '{"a":4,"b":"lemon tea"}', **fields))
    await put(store, draft("other b", '{"a":5,"b":"coffee"}', **fields))
    for name, empty in (("parent", None), ("labels", {}), ("metadata", {})):
        await put(store, draft(f"no {name}", '{"a":5,"b":"lemon tea"}', **{**fields, name: empty}))
    await put(store, draft("elsewhere", '{"a":5,"b":"lemon tea"}', **fields, collection="c2"))
    where: dict[str, Any] = {
        **fields,
        "collection": "c",
        "content": [
            holds("/a", GREATER, "4"),
            holds("/b", EQUAL, '"lemon tea"'),
            holds("/x", NOT_EQUAL, "1"),
        ],
        "updated_from": whole.document.update_time,
    }
    assert await names(store, **where) == ["c/whole"]
    assert [str(one.document.key) for one in await search(store, "tea", **where)] == ["c/whole"]
    assert await names(store, **where, updated_until=whole.document.update_time) == []


async def test_children_labels_and_metadata_are_found(store: Store) -> None:
    for collection in ("before", "c", "other"):
        parent = draft("p", collection=collection)
        await put(store, parent)
        await put(store, draft("child", collection=f"below {collection}", parent=parent.key))
    assert await names(store, parent=key("p")) == ["below c/child"]
    await store.documents.delete(NAMESPACE, key("child", "below c"))
    await put(store, draft("a", parent=key("p"), labels={"env": "prod", "k": "v"}, metadata={"x": 1}))
    await put(store, draft("b", parent=key("a"), labels={"env": "test"}, metadata={"x": "1"}))
    assert await names(store, parent=key("p")) == ["c/a"]
    assert await names(store, parent=key("absent")) == []
    assert await names(store, labels={"env": "prod"}) == ["c/a"]
    assert await names(store, labels={"env": "test", "k": "v"}) == []
    assert await names(store, metadata={"x": "1"}) == ["c/b"]
    await put(store, draft("b"))
    assert await names(store, metadata={"x": "1"}) == await names(store, labels={"env": "test"}) == []


async def test_update_times_are_bounded_from_and_until(store: Store) -> None:
    made = [(await put(store, draft(str(n)))).document.update_time for n in range(4)]
    assert await names(store, updated_from=made[1]) == ["c/1", "c/2", "c/3"]
    assert await names(store, updated_until=made[2]) == ["c/0", "c/1"]
    await put(store, draft("0", "1"))
    assert await names(store, updated_from=made[3]) == ["c/0", "c/3"]
