"""Chat messages become events and come back the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfastdb import Blob, Message, OtherPart, Text, ToolCall, ToolCallResponse
from holdfastdb_server.cli.transcripts.exact_json import BadTranscript
from holdfastdb_server.cli.transcripts.messages import is_id, to_message, to_openai

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1.0}'}}

USUAL: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": ""},
    {"role": "user", "name": "ann", "content": "Hi"},
    {"role": "assistant", "content": "Looking.", "tool_calls": [CALL]},
    {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "c2"}]},
    {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "\u0000 found 😀 \u2028"},
    {"role": "tool", "tool_call_id": "c1", "content": ""},
    {"role": "function", "name": "find", "content": "{}"},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
]

ODD: list[dict[str, Any]] = [
    {"content": "Hi", "role": "user"},
    {"role": "user"},
    {"role": "user", "content": None},
    {"role": "user", "content": []},
    {
        "role": "user",
        "content": [None, 1, "text", {"type": "text", "text": None}, {"text": "a", "type": "text"}],
    },
    {"role": "user", "content": [{"type": "text", "text": "only one"}]},
    {"role": "user", "content": {"an": "object"}},
    {"role": "user", "content": 3.0},
    {"role": "user", "name": "", "content": "Hi"},
    {"role": "user", "name": None, "content": "Hi"},
    {"role": "user", "name": "a\nb", "content": "Hi"},
    {"role": "user", "content": "Hi", "name": "n" * 300},
    {"role": "assistant", "content": "", "refusal": None, "audio": {"id": 12345678901234567890}},
    {"refusal": None, "role": "assistant", "content": "x"},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "assistant", "content": "x", "tool_calls": []},
    {"role": "assistant", "content": "x", "tool_calls": None},
    {"role": "assistant", "content": "x", "tool_calls": [None]},
    {"role": "assistant", "content": "x", "tool_calls": [{"function": {"name": None, "arguments": None}}]},
    {"role": "assistant", "content": "x", "tool_calls": [{"function": {"arguments": None, "name": "f"}}]},
    {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **CALL}, {**CALL, "id": None}]},
    {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": ""}, {**CALL, "type": None}]},
    {"role": "assistant", "content": None, "tool_calls": [{"type": "custom", "custom": {"name": "f"}}]},
    {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{"}},
    {"role": "tool", "content": "x"},
    {"role": "tool", "tool_call_id": "", "content": "x"},
    {"role": "tool", "tool_call_id": None, "name": None, "content": None},
    {"role": "tool", "tool_call_id": 5, "content": 0.0},
    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "x"}]},
    {"role": "tool", "tool_call_id": "c", "content": "x", "tool_calls": [CALL]},
    {"content": "", "role": "tool"},
    {"role": "user", "content": "x", "tool_call_id": "c"},
    {"role": "user", "content": [{"type": "text", "text": str(n)} for n in range(1_200)]},
    {"role": "assistant", "content": "x", "tool_calls": [CALL] * 1_200},
]


def same(chat: dict[str, Any]) -> bool:
    """Whether it comes back with the same keys in the same order, 1 not becoming 1.0."""
    return json.dumps(to_openai(to_message(chat))) == json.dumps([chat])


@pytest.mark.parametrize("chat", USUAL)
def test_a_usual_message_needs_no_extra(chat: dict[str, Any]) -> None:
    assert same(chat)
    assert to_message(chat).extra_json == ""


@pytest.mark.parametrize("chat", ODD)
def test_an_odd_message_comes_back_the_same(chat: dict[str, Any]) -> None:
    assert same(chat)


def test_what_a_message_has_a_place_for_goes_there() -> None:
    chat = {"content": "Looking.", "role": "assistant", "tool_calls": [CALL]}
    message = to_message(chat)
    assert message.role == "assistant"
    assert message.parts == (Text("Looking."), ToolCall("find", '{"q": 1.0}', "c1"))
    answer = to_message({"role": "tool", "tool_call_id": "c1", "name": "find", "content": "none"})
    assert answer.parts == (ToolCallResponse("none", "c1", "find"),)


def test_keys_without_a_place_are_kept_as_they_are() -> None:
    assert to_message({"role": "user", "content": "x", "refusal": None}).extra_json == '{"refusal":null}'


def test_an_outline_does_not_repeat_what_stands_elsewhere() -> None:
    assert to_message({"content": "x", "role": "user"}).extra_json == '{"content":null,"role":null}'


def test_an_item_that_is_more_than_a_text_is_kept_whole() -> None:
    item = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    message = to_message({"role": "user", "content": [item, {"type": "text", "text": "y"}]})
    assert message.parts == (OtherPart(json.dumps(item, separators=(",", ":"))), Text("y"))


@pytest.mark.parametrize(
    ("chat", "reason"),
    [
        (None, "not an object"),
        ({"content": "x"}, "no role"),
        ({"role": "", "content": "x"}, "no role"),
        ({"role": "a\0"}, "no role"),
        ({"role": "user", "content": "\ud800"}, "surrogate"),
        ({"role": "user", "content": "x" * (3 * 1024 * 1024 + 1)}, "3,145,729 bytes"),
        ({"role": "user", "content": [json.loads("[" * 501 + "]" * 501)]}, "deep"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason(chat: object, reason: str) -> None:
    with pytest.raises(BadTranscript, match=reason):
        to_message(chat)


def test_messages_made_elsewhere_are_written_as_openai_would() -> None:
    assert to_openai(Message("assistant", (Text("x"), ToolCall("f", "{}", "c")))) == [
        {
            "role": "assistant",
            "content": "x",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }
    ]
    assert to_openai(Message("user", (Text("look"), Blob(b"\x00", "image/png")))) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        }
    ]
    assert to_openai(Message("user", (Blob(b"\x00", "audio/wav"),)))[0]["content"] == [
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    ]
    assert to_openai(Message("user", (Blob(b"\x00"),)))[0]["content"] == [
        {"type": "file", "file": {"file_data": "data:application/octet-stream;base64,AA=="}}
    ]
    assert to_openai(Message("user")) == [{"role": "user", "content": ""}]


def test_several_answers_of_tools_become_one_message_each() -> None:
    message = Message("user", (ToolCallResponse("1", "a"), ToolCallResponse("2", "b", "f"), Text("and?")))
    assert to_openai(message) == [
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "name": "f", "content": "2"},
        {"role": "user", "content": "and?"},
    ]


def test_a_members_own_extra_never_hides_what_the_message_says() -> None:
    extra = '{"role":"x","content":"other","seed":7}'
    assert to_openai(Message("user", (Text("hi"),), extra_json=extra)) == [
        {"role": "user", "content": "hi", "seed": 7}
    ]


texts = st.text(st.characters(codec="utf-8"), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
odd_texts = values | texts | st.just("")


def objects(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these members and others of their own, in any order."""
    known = st.fixed_dictionaries({}, optional=members)
    pairs = st.tuples(known, st.dictionaries(texts, values, max_size=1)).map(lambda two: two[0] | two[1])
    return pairs.flatmap(lambda chat: st.permutations(list(chat.items()))).map(dict)


functions = objects(name=st.just("f") | odd_texts, arguments=odd_texts)
calls = objects(id=odd_texts, type=st.just("function") | values, function=functions | values)
items = objects(type=st.just("text") | values, text=odd_texts)
chats = objects(
    role=st.sampled_from(["user", "assistant", "tool", "function"]),
    name=odd_texts,
    content=odd_texts | st.lists(items | values, max_size=3),
    tool_call_id=odd_texts,
    tool_calls=st.lists(calls, max_size=3) | values,
).filter(lambda chat: is_id(chat.get("role")))


@settings(deadline=None, max_examples=300)
@given(chats)
def test_whatever_a_message_holds_comes_back_the_same(chat: dict[str, Any]) -> None:
    assert same(chat)
