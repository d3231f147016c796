"""Checks of values that several nouns have: what each accepts at its bounds, and what it refuses beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain import values
from holdfastdb_server.domain.errors import InvalidField, LimitExceeded
from holdfastdb_server.domain.ids import check_optional_id, new_id
from holdfastdb_server.domain.values import Payload

MEBIBYTE = 1024 * 1024
LARGEST = 3 * MEBIBYTE
SECOND, MOMENT = timedelta(seconds=1), timedelta(microseconds=1)
# Half of the characters have one byte, half two.
HALF_TEXT = "é" * MEBIBYTE + "x" * MEBIBYTE


def _arrays(depth: int) -> str:
    return "[" * depth + "]" * depth


def _objects(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "deepest",
    [
        _arrays,
        _objects,
        lambda depth: '[{"a":' * 200 + _arrays(depth - 400) + "}]" * 200,
        # A level that is closed counts no more.
        lambda depth: "[[]," + _arrays(depth - 1) + "]",
        lambda depth: '{"a":{},"b":' + _objects(depth - 1) + "}",
        # Brackets in strings are no levels.
        lambda depth: '["[{",' + _arrays(depth - 1) + ',"]}"]',
    ],
)
def test_json_may_have_500_levels_and_no_more(deepest: Any) -> None:
    assert values.check_json("f", deepest(500)) == deepest(500)
    with pytest.raises(InvalidField) as refusal:
        values.check_json("f", deepest(501))
    assert refusal.value.field == "f"
    assert refusal.value.problem == "is nested 501 levels deep; at most 500 are allowed"


def test_brackets_in_a_string_have_no_depth() -> None:
    text = '"' + "[{" * 1_000 + '"'
    assert values.check_json("f", text) == text


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("[1,", "is not valid JSON: "),
        (r'"\u12"', "is not valid JSON: "),
        (r'"\ud83d"', "is not valid JSON, or has half of a surrogate pair, which is no character: "),
        (r'"\uDFFF"', "is not valid JSON, or has half of a surrogate pair, which is no character: "),
    ],
)
def test_a_problem_of_syntax_is_named(text: str, begins: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        values.check_json("f", text)
    assert refusal.value.problem.startswith(begins)


@pytest.mark.parametrize(
    ("payload", "size", "quick_size"),
    [
        (Payload(json='"é"'), 4, 3),
        (Payload(json=""), 0, 0),
        (Payload(json="1", data=b"22"), 1, 1),
        (Payload(data=b"\xc3\xa9"), 2, 2),
        (Payload(data=b""), 0, 0),
        (Payload(), 0, 0),
    ],
)
def test_the_size_of_a_payload_is_that_of_its_body(payload: Payload, size: int, quick_size: int) -> None:
    assert (values.payload_bytes(payload), payload.size) == (size, quick_size)
    assert values.payload_bytes(None) == 0


@pytest.mark.parametrize(
    ("payload", "larger", "field"),
    [
        (Payload(json=f'"{HALF_TEXT[:-2]}"'), Payload(json=f'"{HALF_TEXT[:-1]}"'), "p.json"),
        (Payload(data=b"x" * LARGEST), Payload(data=b"x" * (LARGEST + 1)), "p.data"),
    ],
    ids=["json", "data"],
)
def test_a_payload_has_at_most_three_mebibytes(payload: Payload, larger: Payload, field: str) -> None:
    assert values.check_payload("p", payload) is payload
    with pytest.raises(InvalidField) as refusal:
        values.check_payload("p", larger)
    assert refusal.value.field == field
    assert refusal.value.problem == f"has {LARGEST + 1} bytes; at most {LARGEST} are allowed"


def test_payloads_fit_together_or_the_limit_is_named() -> None:
    half = Payload(data=b"x" * (LARGEST // 2))
    values.check_payloads_fit("both", half, None, half)
    with pytest.raises(LimitExceeded) as refusal:
        values.check_payloads_fit("both", half, Payload(json="1"), half)
    assert str(refusal.value) == f"both would be {LARGEST + 1}, more than {LARGEST}"


def test_bytes_that_count_together_are_said_to() -> None:
    values.check_bytes("f", 5, 5, "together with the input")
    with pytest.raises(InvalidField) as refusal:
        values.check_bytes("f", 6, 5, "together with the input")
    assert refusal.value.problem == "has 6 bytes together with the input; at most 5 are allowed"


@pytest.mark.parametrize(
    ("names", "twice"),
    [([], None), (["a", "b"], None), (["", "a", "", "b"], None), (["a", "", "", "b", "a", "b"], 4)],
)
def test_the_first_name_that_occurred_before_is_refused(names: list[str], twice: int | None) -> None:
    if twice is None:
        values.check_unique(names, str, "list")
        return
    with pytest.raises(InvalidField) as refusal:
        values.check_unique(names, str, "list")
    assert (refusal.value.field, refusal.value.problem) == (
        str(twice),
        f"'{names[twice]}' occurs twice in the list",
    )


def test_a_text_has_a_length_in_characters_and_no_nul() -> None:
    assert values.check_text("f", "é😀", 2) == "é😀"
    for refused in ("é😀x", "\0"):
        with pytest.raises(InvalidField):
            values.check_text("f", refused, 2)


def test_counts_have_both_their_bounds() -> None:
    for accepted in (1, 2, 3):
        values.check_count_between("f", accepted, 1, 3)
    for refused in (0, 4):
        with pytest.raises(InvalidField):
            values.check_count_between("f", refused, 1, 3)
    assert values.check_not_negative("f", 0) == 0
    with pytest.raises(InvalidField):
        values.check_not_negative("f", -1)


@pytest.mark.parametrize("ttl", [None, SECOND, timedelta(days=36_500)])
def test_a_time_to_live_has_bounds(ttl: timedelta | None) -> None:
    values.check_ttl("f", ttl)
    if ttl is not None:
        with pytest.raises(InvalidField):
            values.check_ttl("f", ttl + (MOMENT if ttl > SECOND else -MOMENT))


def test_a_bucket_is_a_whole_number_of_seconds() -> None:
    assert values.check_bucket(SECOND, True) == 1
    assert values.check_bucket(timedelta(days=1), True) == 86_400
    for refused in (None, timedelta(), SECOND - MOMENT, SECOND + MOMENT, -SECOND, timedelta(days=1) + MOMENT):
        with pytest.raises(InvalidField) as refusal:
            values.check_bucket(refused, True)
        assert refusal.value.field == "bucket"
        assert values.check_bucket(refused, False) == 0


def test_a_wait_may_be_none() -> None:
    assert values.check_wait(timedelta()) == timedelta()


def test_labels_have_at_most_64_kibibytes_together() -> None:
    labels = {f"{number:02}": "é" * 500 + "x" * 15 for number in range(64)}
    # As JSON each has six bytes beside its key and its value, the last one five, and the braces two.
    spare = 65_536 - (2 + 64 * (2 + 1_015 + 6) - 1)
    labels["00" + "x" * spare] = labels.pop("00")
    values.check_labels("f", labels)
    values.check_labels("f", {})
    with pytest.raises(InvalidField) as refusal:
        values.check_labels("f", {**labels, "01": labels["01"] + "x"})
    assert refusal.value.problem == "has 65537 bytes as JSON; at most 65536 are allowed"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (3.0, 3),
        (-3.0, -3),
        (3.5, 3.5),
        (2.0**53, 2**53),
        (-(2.0**53), -(2**53)),
        (2.0**53 + 2, 2.0**53 + 2),
        (1e300, 1e300),
        (True, True),
        (None, None),
        ({"a": [1.0, {"b": 2.0}]}, {"a": [1, {"b": 2}]}),
        # A backslash and letters, not the character NUL.
        (["\\u0000", 1, None, False, {"k": {}}], ["\\u0000", 1, None, False, {"k": {}}]),
    ],
)
def test_numbers_of_metadata_are_whole_where_a_double_is_exact(given: object, kept: object) -> None:
    cleaned = values.check_metadata("f", {"k": given})["k"]
    assert (cleaned, type(cleaned), repr(cleaned)) == (kept, type(kept), repr(kept))


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"k": math.nan}, "f.k"),
        ({"k": [0, {"in": -math.inf}]}, "f.k[1].in"),
        ({"k": "\0"}, "f"),
        ({"\0": "k"}, "f"),
        ({"k": [1, {"a": 1, "b\0": 1}]}, "f"),
        ({"k": [1, {"a": 1, "b": "\0"}]}, "f"),
    ],
)
def test_metadata_that_no_engine_can_index_is_refused(metadata: Mapping[str, object], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        values.check_metadata("f", metadata)
    assert refusal.value.field == field


def test_only_scalars_of_metadata_are_filtered_by() -> None:
    scalars = {"text": "x", "whole": 1, "number": 1.5, "truth": False, "null": None}
    assert values.check_metadata_filter("f", scalars) == scalars
    for refused in ([], {}, [1], {"a": 1}):
        with pytest.raises(InvalidField) as refusal:
            values.check_metadata_filter("f", {"x": 1, "k": refused})
        assert refusal.value.field == "f.k"


def test_json_is_dumped_compact_and_without_what_is_none() -> None:
    assert values.dump_json({"é": [1, "\0", None]}) == '{"é":[1,"\\u0000",null]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        values.dump_json(math.nan)


@pytest.mark.parametrize("value", ["a\u2028b", "\xa0", "\ufeff", "\u200d", "é 😀", "x" * 255, "😀" * 255])
def test_an_id_has_any_characters_but_controls(value: str) -> None:
    assert check_optional_id("f", value) == value


@pytest.mark.parametrize("value", ["\0", "a\x1f", "\x7f", "\x80", "b\x9f", "\n", "x" * 256, "😀" * 256])
def test_an_id_of_controls_or_too_long_is_refused(value: str) -> None:
    with pytest.raises(InvalidField):
        check_optional_id("f", value)


def test_new_ids_are_those_of_their_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 0x0123_4567_89AB * 1_000_000 + 999_999)
    ids = {new_id() for _ in range(200)}
    assert len(ids) == 200
    parts = [made.split("-") for made in ids]
    assert {tuple(part[:2]) for part in parts} == {("01234567", "89ab")}
    assert {tuple(map(len, part)) for part in parts} == {(8, 4, 4, 4, 12)}
    # The version, and the two bits of the variant.
    assert {part[2][0] for part in parts} == {"7"}
    assert {part[3][0] for part in parts} == set("89ab")
