"""JSON, metadata, times and payloads: what goes in comes out, and what cannot be said is refused by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf import timestamp_pb2

from holdfastdb import (
    Blob,
    Data,
    Event,
    EventKind,
    InvalidArgument,
    Json,
    Message,
    OtherPart,
    Reason,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb._convert.events import from_event, write_events
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import from_timestamp, to_timestamp
from holdfastdb.types._encoding import encode_json, encode_payload
from holdfastdb.v1 import history_service_pb2 as pb

number: Any = 7
"""No text, past the type checker."""


def refused_field(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidArgument) as caught:
        call()
    assert caught.value.reason == Reason.INVALID_FIELD
    [violation] = caught.value.field_violations
    assert violation.description
    assert violation.field in str(caught.value)
    return violation.field


def circular() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**63, 10**30, 1.5, "", "\x00", "é😀", [], {}, {"b": 1, "a": [None, {"x": "y"}]}],
    ids=repr,
)
def test_a_json_value_comes_back_as_it_was(value: object) -> None:
    assert json.loads(encode_json(value, "value")) == value


def test_json_is_compact_keeps_the_order_of_keys_and_does_not_escape_letters() -> None:
    assert encode_json({"b": 1, "a": "é😀"}, "value") == '{"b":1,"a":"é😀"}'


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("\ud800", "value"),
        ({"a": ["x", "\udc00"]}, "value.a[1]"),
        ({"a": {"\ud800": 1}}, "value.a"),
        ({"a": math.nan}, "value.a"),
        ([1, [math.inf]], "value[1][0]"),
        ({"a": {1, 2}}, "value.a"),
        ({"a": b"bytes"}, "value.a"),
        ({"a": datetime.now(UTC)}, "value.a"),
        ({"a": {1: "x"}}, "value.a"),
        ({"a": {(1, 2): "x"}}, "value.a"),
        (object(), "value"),
        (circular(), "value"),
        (nested(100_000), "value"),
        (10**5000, "value"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else "",
)
def test_what_is_not_json_is_refused_with_its_place(value: object, field: str) -> None:
    assert refused_field(lambda: encode_json(value, "value")) == field


def test_bytes_become_data_and_wrappers_stay() -> None:
    assert encode_payload(b"\x00\xff", "value") == Data(b"\x00\xff")
    assert encode_payload(bytearray(b"x"), "value") == Data(b"x")
    assert encode_payload(Data(b"x", "image/png"), "value") == Data(b"x", "image/png")
    assert encode_payload(Json(' {"a" : 1.0} '), "value") == Json(' {"a" : 1.0} ')
    assert Json("[1.50]").value == [1.5]


def test_a_json_value_is_parsed_once_so_that_changes_to_it_are_seen() -> None:
    payload = Json('{"a":1}')
    payload.value["a"] = 2
    assert payload.value == {"a": 2}


def test_metadata_comes_back_with_numbers_as_floats() -> None:
    value = {"a": 1, "b": [True, None, "x", {"c": {}}], "d": {}, "e": [], "f": 2**53}
    struct = to_struct(value)
    assert struct is not None
    assert from_struct(struct) == value
    assert isinstance(from_struct(struct)["a"], float)


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"a": 2**53 + 1}, "metadata.a"),
        ({"a": {"b": [0, -(2**60)]}}, "metadata.a.b[1]"),
        ({"a": math.nan}, "metadata.a"),
        ({"a": "\ud800"}, "metadata.a"),
        ({"a": {"\ud800": 1}}, "metadata.a"),
        ({"a": {1: 1}}, "metadata.a"),
        ({"a": b"x"}, "metadata.a"),
        ({"a": object()}, "metadata.a"),
        ({"a": nested(40)}, "metadata.a" + "[0]" * 30),
        ("text", "metadata"),
    ],
)
def test_metadata_that_a_struct_cannot_hold_is_refused_with_its_place(metadata: Any, field: str) -> None:
    assert refused_field(lambda: to_struct(metadata)) == field


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
    ids=str,
)
def test_times_come_back_to_the_microsecond(moment: datetime) -> None:
    message = to_timestamp(moment, "event_time")
    assert message is not None
    assert from_timestamp(message) == moment
    assert from_timestamp(message).tzinfo is UTC


def test_a_time_is_cut_to_the_microsecond() -> None:
    message = timestamp_pb2.Timestamp(seconds=1, nanos=999_999_999)
    assert from_timestamp(message) == datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)


def test_a_datetime_without_a_timezone_is_refused() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    assert refused_field(lambda: to_timestamp(naive, "event_time")) == "event_time"


EVERY_EVENT = [
    Event.message("user", "Hello", actor="u-1"),
    Event.message(
        "assistant",
        [
            "Looking.\x00",
            ToolCall("get_weather", '{"city":"Paris', id="call-1"),
            ToolCallResponse("18 °C", "call-1", "get_weather"),
            Blob(b"\x00\xff", "image/png", "image"),
            OtherPart('{"type": "reasoning"}'),
        ],
        name="helper",
        finish_reason="stop",
        extra={"model": "m"},
        type="reply",
    ),
    Event.step(thought="t", action="a", observation="o", step_id="s-1", run_id="r-1", task_id="t-1"),
    Event.of("tool.finished", {"seconds": 0.5}, labels={"tool": "weather"}, trace_id="abc"),
    Event.of("raw", b"\x00", event_time=datetime(2026, 1, 1, tzinfo=UTC)),
    Event.of("raw", Data(b"x", "text/plain")),
    Event(type="mark"),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: f"{event.type}-{event.kind}")
def test_an_event_survives_the_way_there_and_back(event: Event) -> None:
    request = pb.AppendEventsRequest()
    write_events(request, event)
    [message] = request.events
    assert from_event(message) == event


def test_an_event_knows_its_kind_text_and_value() -> None:
    assert [event.kind for event in EVERY_EVENT] == [
        EventKind.MESSAGE, EventKind.MESSAGE, EventKind.STEP, EventKind.PAYLOAD, EventKind.PAYLOAD,
        EventKind.PAYLOAD, EventKind.EMPTY,
    ]  # fmt: skip
    body = EVERY_EVENT[0].body
    assert isinstance(body, Message)
    assert body.text == "Hello"
    assert body.parts == (Text("Hello"),)
    assert isinstance(EVERY_EVENT[2].body, Step)
    assert EVERY_EVENT[3].value == {"seconds": 0.5}
    with pytest.raises(ValueError, match="kind message has no value"):
        _ = EVERY_EVENT[0].value


def test_an_event_has_an_id_of_its_own_from_the_start() -> None:
    first, second = Event.message("user", "x"), Event.message("user", "x")
    assert first.event_id
    assert first.event_id != second.event_id


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Event.message("user", "\ud800"), "events[0].message.parts[0].text"),
        (lambda: Event.message("\ud800", "x"), "events[0].message.role"),
        (lambda: Event.message("user", [ToolCall("\ud800")]), "events[0].message.parts[0].tool_call.name"),
        (lambda: Event.message("user", "x", extra={"a": "\ud800"}), "events[0].extra.a"),
        (lambda: Event.step(thought="\ud800"), "events[0].step.thought"),
        (lambda: Event.of("x", {"a": "\ud800"}), "events[0].value.a"),
        (lambda: Event.of("x", Json('"\ud800"')), "events[0].payload.json"),
        (lambda: Event.of("\ud800", 1), "events[0].type"),
        (lambda: Event.of("x", 1, labels={"a": "\ud800"}), "events[0].labels"),
        (lambda: Event.of("x", 1, labels={"a": number}), "events[0].labels"),
        (lambda: Event.of("x", 1, actor=number), "events[0].actor"),
        (lambda: Event.message(number, "x"), "events[0].message.role"),
        (lambda: Event.message("tool", [Blob(number)]), "events[0].message.parts[0].blob.data"),
        (lambda: Event.of("x", 1, event_time=datetime(2026, 1, 1)), "events[0].event_time"),  # noqa: DTZ001
    ],
)
def test_an_event_that_cannot_be_sent_is_refused_by_field(make: Callable[[], Event], field: str) -> None:
    assert refused_field(lambda: write_events(pb.AppendEventsRequest(), make())) == field
