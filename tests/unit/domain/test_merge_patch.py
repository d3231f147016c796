"""JSON merge patch, against RFC 7396 itself and for any JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.merge_patch import merge, merge_text

TEXTS = st.text(st.characters(codec="utf-8"), max_size=4)
# Few names, so that a patch meets members that are there.
NAMES = st.sampled_from(["a", "b", "ä", "", "a\0b"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)

# The test cases of RFC 7396, appendix A: target, patch, result.
RFC_CASES = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]


def merged_by_the_rfc(target: Any, patch: Any) -> Any:
    """Do what the pseudocode of RFC 7396, section 2, says."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged_by_the_rfc(result.get(name), value)
    return result


def write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(("target", "patch", "result"), RFC_CASES)
def test_the_examples_of_the_rfc(target: str, patch: str, result: str) -> None:
    assert merge_text("merge_patch", target, patch) == result


@given(JSON, JSON)
def test_any_patch_of_a_text_does_what_the_rfc_says(target: Any, patch: Any) -> None:
    made = json.loads(merge_text("merge_patch", write(target), write(patch)))
    assert write(made) == write(merged_by_the_rfc(target, patch))


@given(OBJECTS, OBJECTS)
def test_any_patch_of_metadata_does_what_the_rfc_says(target: dict[str, Any], patch: dict[str, Any]) -> None:
    before = write(target)
    assert write(merge(target, patch)) == write(merged_by_the_rfc(target, patch))
    assert write(target) == before


@given(JSON, JSON)
def test_a_patch_applied_twice_is_applied_once(target: Any, patch: Any) -> None:
    once = merge_text("merge_patch", write(target), write(patch))
    assert merge_text("merge_patch", once, write(patch)) == once


@given(OBJECTS)
def test_a_patch_of_nothing_changes_nothing(target: dict[str, Any]) -> None:
    assert json.loads(merge_text("merge_patch", write(target), "{}")) == target


@pytest.mark.parametrize(
    "kept", ["1.50", "1e2", "12345678901234567890", "0.1000", '"\\u0000"', '{ "z": 1, "a": 2 }']
)
def test_what_a_patch_does_not_name_keeps_its_text(kept: str) -> None:
    assert merge_text("merge_patch", f'{{"kept":{kept},"n":1}}', '{"n":2}') == f'{{"kept":{kept},"n":2}}'
    inner = merge_text("merge_patch", f'{{"o":{{"kept":{kept}}}}}', '{"o":{"n":2}}')
    assert inner == f'{{"o":{{"kept":{kept},"n":2}}}}'


@settings(max_examples=5)
@given(st.integers(2_000, 5_000))
def test_a_patch_nested_too_deep_is_refused(depth: int) -> None:
    with pytest.raises(InvalidField):
        merge_text("merge_patch", "{}", '{"a":' * depth + "1" + "}" * depth)
