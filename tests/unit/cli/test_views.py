"""How sessions and events are shown."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from holdfastdb import (
    Blob,
    Data,
    Event,
    Json,
    Message,
    OtherPart,
    Session,
    SessionStatus,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.cli.views import as_json, formatting
from holdfastdb_server.cli.views.events import EventPrinter
from holdfastdb_server.cli.views.sessions import print_session

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def printed(event: Event, *, full: bool = False) -> str:
    """What is printed of an event, without the day and its own line."""
    output = io.StringIO()
    EventPrinter(Console(file=output, width=80), full).print(event)
    return output.getvalue()


def session(session_id: str = "s", **fields: Any) -> Session:
    plain: dict[str, Any] = dict.fromkeys(
        ("status_reason", "user_id", "agent_id", "task_id", "title", "parent_session_id"), ""
    )
    times = dict.fromkeys(("create_time", "update_time", "last_activity_time"), NOW)
    rest: dict[str, Any] = {
        "status": SessionStatus.ACTIVE,
        "labels": {},
        "metadata": {},
        "retention": None,
        "version": 1,
        "last_sequence": 3,
        "fork_sequence": None,
        "end_time": None,
        "expire_time": None,
    }
    return Session(**{"session_id": session_id, **plain, **times, **rest, **fields})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (0.9, "now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7_200, "2 h ago"),
        (86_400, "1 day ago"),
        (40 * 86_400, "1 month ago"),
        (800 * 86_400, "2 years ago"),
        (-7 * 86_400, "in 7 days"),
    ],
)
def test_times_are_relative(seconds: float, text: str) -> None:
    assert formatting.ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.35, "350 ms"), (4.2, "4.2 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min"), (3.6e6, "1,000 h 0 min")],
)
def test_spans_are_in_fitting_units(seconds: float, text: str) -> None:
    assert formatting.span(timedelta(seconds=seconds)) == text


def test_a_payload_is_shown_in_one_line() -> None:
    assert formatting.payload(None) == ""
    assert formatting.payload(Json('{"a":1}')) == '{"a":1}'
    assert formatting.payload(Json(json.dumps("x" * 700))).endswith(
        "x … 102 more characters; --json shows them"
    )
    assert formatting.payload(Data(b"\0" * 1_200, "image/png")) == "1,200 bytes of image/png"
    assert formatting.payload(Data(b"")) == "0 bytes of application/octet-stream"


def test_control_characters_never_reach_the_terminal() -> None:
    assert formatting.plain("a\x1b[2J\0\x7f\x9b\u202eb\n\tc") == "a␛[2J␀␡\ufffd\ufffdb\n\tc"
    assert formatting.one_line(" a\r\n b ") == "a b"


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (Message("user", (Text("Hi [bold]there[/]"),), name="ann"), ["user ann", "Hi [bold]there[/]"]),
        (
            Message("assistant", (ToolCall("f", "not JSON"), ToolCall("g", "[1]"))),
            ["→ f(not JSON)", "→ g([1])"],
        ),
        (Message("assistant", (ToolCall("f", '{"é": [1, "é"]}'),)), ['→ f(é=[1, "é"])']),
        (Message("tool", (ToolCallResponse("done", "c", "f"),)), ["tool f", "← done"]),
        (Message("user", (OtherPart('{"type":"text","text":"in it"}'),)), ["in it"]),
        (Message("user", (OtherPart("[1]"), Blob(b"abc", "image/png"))), ["[1]", "3 bytes of image/png"]),
        (Step("think", "do", "see"), ["thought  think", "action  do", "observation  see"]),
        (Json('{"a":1}'), ['{"a":1}']),
        (Data(b"abc"), ["3 bytes of application/octet-stream"]),
        (None, ["note"]),
    ],
)
def test_each_kind_of_body_is_readable(body: Any, texts: list[str]) -> None:
    output = printed(Event(type="note", body=body, sequence=7, create_time=NOW))
    assert all(text in output for text in ["   7  ", *texts]), output


@pytest.mark.parametrize(
    "body",
    [
        Json(json.dumps("x" * 1_000)),
        Message("tool", (ToolCallResponse("x" * 1_002),)),
        Message("system", (Text("x" * 1_002),)),
    ],
)
def test_what_is_long_is_shortened_unless_all_is_wanted(body: Any) -> None:
    event = Event(body=body, create_time=NOW)
    assert "402 more characters; --full shows all" in printed(event)
    assert printed(event, full=True).count("x") == 1_000 + 2 * isinstance(body, Message)


def test_what_people_and_models_say_is_not_shortened() -> None:
    event = Event(body=Message("assistant", (Text("x" * 1_000),)), create_time=NOW)
    assert printed(event).count("x") == 1_000


@pytest.mark.parametrize("width", [60, 80, 120])
def test_of_one_session_only_an_id_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_session(session("i" * 255, title="long " * 50, user_id="u" * 200, metadata={"k": "v" * 500}))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if len(line) > width] == ["i" * 255, "u" * 200]
    assert sum(line.count("v") for line in lines if len(line) <= width) >= 500


def test_json_has_every_field_with_the_contracts_names() -> None:
    parts = (
        Text("t"),
        ToolCall("f", "{}", "c"),
        ToolCallResponse("r", "c", "f"),
        Blob(b"\0", "image/png", "image"),
        OtherPart("1"),
    )
    event = Event(body=Message("user", parts), sequence=1, event_id="e", create_time=NOW)
    assert as_json.describe(event)["message"]["parts"] == [
        {"text": "t"},
        {"tool_call": {"id": "c", "name": "f", "arguments": "{}"}},
        {"tool_call_response": {"id": "c", "name": "f", "response": "r"}},
        {"blob": {"media_type": "image/png", "modality": "image", "data": "AA=="}},
        {"other_json": "1"},
    ]
    assert as_json.describe(event)["create_time"] == "2026-01-01T12:00:00Z"
    assert as_json.describe(Event(body=Json("[1.0]")))["payload"] == {"json": "[1.0]", "media_type": ""}
    assert as_json.describe(Event(body=Data(b"\0", "x/y")))["payload"] == {
        "data": "AA==",
        "media_type": "x/y",
    }
    assert as_json.describe(Event.step(thought="t"))["step"]["thought"] == "t"
    shown = as_json.describe(session(retention=timedelta(days=1), metadata={"n": 2.0}))
    assert (shown["retention_seconds"], shown["never_expires"], shown["metadata"]) == (
        86_400,
        False,
        {"n": 2},
    )
    assert as_json.describe(session(retention="never"))["never_expires"] is True
