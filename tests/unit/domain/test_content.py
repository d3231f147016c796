"""The form of JSON that compares by its texts alone."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from holdfastdb_server.domain.documents.content import (
    compared,
    is_ordered,
    read_pointer,
    searchable,
    strings,
)
from holdfastdb_server.domain.errors import InvalidField

ARRAY = {"%": "", "0": "d", "1": "b", "2": "sx", "3": "c"}
LITERALS = some.builds(
    "{}{}{}{}".format,
    some.sampled_from(["", "-"]),
    some.one_of(some.just(0), some.integers(0, 10**25)),
    some.one_of(some.just(""), some.from_regex(r"\.[0-9]{1,25}", fullmatch=True)),
    some.one_of(some.just(""), some.from_regex(r"[eE][+-]?[0-9]{1,4}", fullmatch=True)),
)
TEXTS = some.text(some.characters(exclude_categories=["Cs"]) | some.sampled_from("\0\1\2"))
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | TEXTS,
    lambda inner: some.lists(inner) | some.dictionaries(TEXTS, inner),
)


@given(LITERALS, LITERALS)
def test_numbers_compare_as_their_sizes(one: str, other: str) -> None:
    with localcontext(prec=60):
        is_less, is_equal = Decimal(one) < Decimal(other), Decimal(one) == Decimal(other)
    assert (compared(one) < compared(other), compared(one) == compared(other)) == (is_less, is_equal)


@given(TEXTS, TEXTS)
def test_strings_compare_as_their_bytes(one: str, other: str) -> None:
    left, right = compared(json.dumps(one)).encode(), compared(json.dumps(other)).encode()
    assert (left < right, left == right) == (one.encode() < other.encode(), one == other)
    assert b"\0" not in left


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where a number is no boolean."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return type(one) is type(other) and bool(one == other)


@given(VALUES, VALUES)
def test_values_are_equal_in_their_form_if_they_are(one: Any, other: Any) -> None:
    assert (compared(json.dumps(one)) == compared(json.dumps(other))) == same(one, other)
    assert compared(json.dumps(one)) == compared(json.dumps(one, ensure_ascii=False, indent=1))


@given(VALUES)
def test_what_databases_refuse_is_not_in_a_form(value: Any) -> None:
    form = json.loads(searchable(json.dumps(value)))
    pending = [form]
    while pending:
        match pending.pop():
            case dict() as members:
                pending.extend(members.values())
                assert not any(set(name) & {'"', "\\", "\0"} or not name for name in members)
            case str() as text:
                assert "\0" not in text
            case other:
                raise AssertionError(other)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('{"b": 1, "a": [true, null, "x", false], "": {}}', {"%-": {}, "a": ARRAY, "b": "n210111"}),
        ("[[], {}]", {"%": "", "0": {"%": ""}, "1": {}}),
        (r'{"a\"b%c\\d\u001f\u007f": "\u00e9"}', {"a%0022b%0025c%005cd%001f%007f": "sé"}),
        (r'"a\u0000\u0001b"', "sa\1\1\1\2b"),
        ("-0.0", "n1"),
        ("1", "n210111"),
        ("10", "n210121"),
        ("123.4560", "n21013123456"),
        ("1E-3", "n209871"),
        ("0.1", "n210101"),
        ("0.05", "n209885"),
        ("-0.05", "n090114~"),
        ("-10", "n089878~"),
        ("1e0000000000000000000000005", "n210161"),
        ("1e1000000000000000000", "n211910000000000000000011"),
    ],
)
def test_forms_are_the_same_in_every_release(text: str, form: object) -> None:
    # They are stored: a document is found by its form of the release that stored it.
    assert searchable(text) == json.dumps(form, ensure_ascii=False, separators=(",", ":"))
    assert compared(text) == (form if isinstance(form, str) else searchable(text))


def test_only_numbers_and_strings_have_an_order() -> None:
    assert [is_ordered(compared(text)) for text in ("1", '"n"', '""', "-1")] == [True] * 4
    assert [is_ordered(compared(text)) for text in ("null", "true", "false", "[]", '{"n":"s"}')] == [
        False
    ] * 5


def test_exponents_of_more_than_18_digits_are_cut() -> None:
    largest = "9" * 18
    assert compared("1e" + "8" * 18) < compared(f"1e{largest}")
    assert compared(f"10e{largest}") == compared("1e1000000000000000000") == compared("1e2000000000000000000")
    assert compared("-1e-2000000000000000000") == compared("-1e-1000000000000000000") < "n1"


@pytest.mark.parametrize(
    ("pointer", "names"),
    [
        ("", ()),
        ("/", ("%-",)),
        ("/a/0/~0~1", ("a", "0", "~/")),
        ("/~01", ("~1",)),
        ("/a%b//c", ("a%0025b", "%-", "c")),
    ],
)
def test_a_pointer_leads_to_escaped_names(pointer: str, names: tuple[str, ...]) -> None:
    assert read_pointer("f", pointer) == names


def test_a_number_beyond_all_bounds_has_a_form() -> None:
    for literal in ("1e" + "9" * 10_000, "-1E-" + "9" * 10_000, "1" * 10_000, "0." + "0" * 10_000 + "1"):
        assert compared(literal) == compared(literal)
    assert compared("1e" + "9" * 50) > compared("1e999999999")
    assert compared("1e-" + "9" * 50) < compared("1e-999999999")


def test_the_deepest_json_has_a_form() -> None:
    assert searchable("[" * 500 + "]" * 500)
    assert list(strings("[" * 499 + '"x"' + "]" * 499)) == ["x"]


def test_only_string_values_are_strings() -> None:
    text = '{"name": ["a", 1, {"x": "b"}], "y": null, "z": "3", "\\u0041": "\\u0042"}'
    assert list(strings(text)) == ["a", "b", "3", "B"]


@pytest.mark.parametrize("pointer", ["a", "a/b", "/~", "/~2", "/a~", "#/a"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read_pointer("f.pointer", pointer)
    assert caught.value.field == "f.pointer"
