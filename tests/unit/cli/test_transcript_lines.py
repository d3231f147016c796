"""A line of a transcript file becomes a session and comes back the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfastdb import Event, Json, Message, Session, SessionStatus
from holdfastdb_server.cli.transcripts.exact_json import BadTranscript
from holdfastdb_server.cli.transcripts.lines import chunks, read_line, write_line

HELLO = {"role": "user", "content": "Hello"}


def line_of(**fields: Any) -> bytes:
    return json.dumps({**fields, "messages": fields.get("messages", [HELLO])}).encode()


def session(**fields: Any) -> Session:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    plain: dict[str, Any] = {
        "session_id": "s-1",
        "status": SessionStatus.ACTIVE,
        "status_reason": "",
        "user_id": "",
        "agent_id": "",
        "task_id": "",
        "title": "",
        "parent_session_id": "",
        "labels": {},
        "metadata": {},
        "retention": None,
        "version": 1,
        "last_sequence": 0,
        "fork_sequence": None,
        "create_time": now,
        "update_time": now,
        "last_activity_time": now,
        "end_time": None,
        "expire_time": None,
    }
    return Session(**(plain | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"task_id": 0, "trial": 0, "reward": 0.0, "messages": [HELLO]},
        {"messages": [], "after": 1, "big": 12345678901234567890123},
        {"reward": 1e-320, "messages": [HELLO], "nul": "\0", "deep": {"a": [{"b": None}]}, "": ""},
        {"messages": [HELLO], "metadata": {"z": 1, "a": 2.0}, "labels": {"k": "v"}, "title": "T"},
        {"metadata": 1, "labels": [], "user_id": 5, "messages": [HELLO]},
    ],
)
def test_a_line_comes_back_with_every_field_in_its_place(fields: dict[str, Any]) -> None:
    line = json.dumps(fields)
    events = read_line(line.encode(), "f").events
    written, _, left_out = write_line(session(), events)
    assert json.dumps(json.loads(written)) == line
    assert left_out == 0


@pytest.mark.parametrize(
    ("fields", "session_id"),
    [
        ({"session_id": "chosen", "id": "other"}, "chosen"),
        ({"id": "other", "task_id": 1, "trial": 2}, "other"),
        ({"id": 7}, "7"),
        ({"session_id": None, "task_id": 0, "trial": 0}, "f-0-0"),
        ({"task_id": "t", "trial": "x"}, "f-t-x"),
    ],
)
def test_the_id_is_the_lines_own_or_made_of_its_task(fields: dict[str, Any], session_id: str) -> None:
    assert read_line(line_of(**fields), "f").session_id == session_id


def test_without_any_id_the_text_decides() -> None:
    one, again, other = (
        read_line(line, "f").session_id
        for line in (b'{"messages":[]}', b'{"messages":[]} \n', b'{"messages": []}')
    )
    assert one == again != other
    assert one.startswith("f-")


def test_reading_a_line_twice_gives_the_same_events() -> None:
    line = line_of(task_id=1, trial=1, messages=[HELLO, HELLO])
    assert read_line(line, "f") == read_line(line, "f")
    assert [event.event_id for event in read_line(line, "f").events] == [
        "transcript",
        "message-1",
        "message-2",
    ]


def test_what_can_be_searched_by_is_in_the_session() -> None:
    found = read_line(
        line_of(
            user_id="ada",
            agent_id="a" * 300,
            labels={"team": "x"},
            metadata={"inner": True},
            reward=0.5,
            nul="a\0b",
            huge=2**60,
            long="x" * 70_000,
        ),
        "f",
    )
    assert (found.user_id, found.agent_id, found.labels) == ("ada", "", {"team": "x"})
    assert found.metadata == {"user_id": "ada", "agent_id": "a" * 300, "reward": 0.5, "inner": True}


def test_a_session_is_titled_by_how_the_user_began() -> None:
    messages = [
        {"role": "system", "content": "Rules"},
        {"role": "user", "content": "Please\n help  me" + "!" * 99},
    ]
    assert read_line(line_of(messages=messages), "f").title == "Please help me" + "!" * 65 + "…"
    assert read_line(line_of(title="Own"), "f").title == "Own"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b"{}", "no list"),
        (b'{"messages": {}}', "no list"),
        (b'{"messages": [], "x": NaN}', "NaN"),
        (b'{"messages": [], "x": 1e999}', "too large"),
        (b'{"messages": [], "x": "\\ud800"}', "surrogate"),
        (b'{"messages": [], "session_id": ""}', '"session_id" cannot be'),
        (b'{"messages": [], "id": "a\\u0000"}', '"id" cannot be'),
        (b'{"messages": [{"role": "user"}, 3]}', "message 2: it is not an object"),
        (b'{"messages": [], "x": ' + b"[" * 600 + b"]" * 600 + b"}", "levels deep"),
        (b'{"messages": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b'{"messages": [], "x": ' + b"9" * 5_000 + b"}", "not JSON"),
    ],
)
def test_a_broken_line_is_refused_with_a_reason(line: bytes, reason: str) -> None:
    with pytest.raises(BadTranscript, match=reason):
        read_line(line, "f")


def test_chunks_are_of_a_size_that_one_request_takes() -> None:
    many = [Event.message("user", "x") for _ in range(1_201)]
    assert [len(chunk) for chunk in chunks(many)] == [500, 500, 201]
    large = [Event.message("user", "x" * 900_000), Event.message("user", "y" * 900_000), Event.of("t", 1)]
    assert [len(chunk) for chunk in chunks(large)] == [1, 2]
    assert list(chunks([])) == []


def test_a_session_that_was_not_imported_says_what_it_is() -> None:
    events = [
        Event(type="holdfast.session.active", body=Json("{}")),
        Event.message("user", "Hi"),
        Event.step(thought="hm"),
        Event(body=Message("assistant")),
    ]
    owner = session(user_id="ada", title="T", labels={"k": "v"}, metadata={"n": 3.0, "l": [1.5]})
    line, messages, left_out = write_line(owner, events)
    assert json.loads(line) == {
        "session_id": "s-1",
        "user_id": "ada",
        "title": "T",
        "labels": {"k": "v"},
        "metadata": {"n": 3, "l": [1.5]},
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}],
    }
    assert (messages, left_out) == (2, 1)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "reward", "metadata", "labels", "title", "user_id", "\0", "é"]), values
    )
)
def test_whatever_stands_beside_the_messages_comes_back(fields: dict[str, Any]) -> None:
    line = json.dumps({**fields, "messages": [HELLO]})
    written, _, _ = write_line(session(), read_line(line.encode(), "f").events)
    assert json.dumps(json.loads(written)) == line
