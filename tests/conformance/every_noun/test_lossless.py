"""What goes in comes out: payloads byte for byte, JSON character for character."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from holdfastdb_server.domain.events import Body, Event
from holdfastdb_server.domain.limits import PAYLOAD_BYTES
from holdfastdb_server.domain.messages import (
    Blob,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.domain.values import Payload, check_payload
from tests.support.content import EVERYTHING, NAMESPACE, append, create, history, note, write

# Only characters: no lone surrogates, which are no text.
EVERY_CHARACTER = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x110000, 7))))

JSON = {
    "escaped NUL": r'{"a": "\u0000", "\u0000": 1}',
    "escapes": r'"\u00e9\ud83e\udd91\/\b\f\n\r\t\"\\"',
    "large integers": "[9007199254740993, 18446744073709551616, -9223372036854775809, 1" + "0" * 400 + "]",
    "numbers": "[1.10, 1.1, 1.0, 1, -0, -0.0, 1E5, 1e+05, 0.1e-7, 123456789.123456789123456789]",
    "duplicate keys": '{"a": 1, "a": 2, "b": 3, "a": 3}',
    "white space": ' \t\r\n { "a" :\n\t[ 1 ,2 ]\r\n } \n',
    "key order": '{"z": 1, "a": {"y": 2, "b": 3}, "m": 4, "": 5, "10": 6, "9": 7}',
    "emoji": '{"🦑": "👩‍👩‍👧‍👦 é e\u0301 \u2028\u2029 \ufeff \U0010ffff"}',
    "scalar": "null",
    "number": "3",
    "string": '"text"',
    "empty": "{}",
    "deep": "[" * 500 + "]" * 500,
    "deep object": '{"a":' * 499 + "[]" + "}" * 499,
    "large": '"' + "x" * (PAYLOAD_BYTES - 2) + '"',
    "large emoji": '"' + "🦑" * ((PAYLOAD_BYTES - 2) // 4) + '"',
}
DATA = {
    "empty": b"",
    "zero": b"\0",
    "every byte": bytes(range(256)),
    "not UTF-8": b"\xff\xfe\xc3\x28",
    "large": random.Random(0).randbytes(PAYLOAD_BYTES),
}
MEDIA_TYPES = ["", "application/json", "text/plain; charset=utf-8", "x" * 255, "приложение/🦑"]
PAYLOADS = {
    **{f"json, {name}": Payload(json=text) for name, text in JSON.items()},
    **{f"data, {name}": Payload(data=data) for name, data in DATA.items()},
    **{f"media type {n}": Payload(json="1", media_type=text) for n, text in enumerate(MEDIA_TYPES)},
    **{f"media type {n}, data": Payload(data=b"1", media_type=text) for n, text in enumerate(MEDIA_TYPES)},
}

TEXTS = {
    "NUL": "a\0b\0\0",
    "escapes that are not": r"\u0000 \n \\ \" %s :name $1 ?",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "emoji": "🦑👩‍👩‍👧‍👦",
    "every character": EVERY_CHARACTER,
    "empty": "",
    "white space": "  \t\r\n  ",
    "quotes": "'\"`",
}


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """Every test here has a session `s`."""
    await create(store)


async def kept(store: Store, body: Body, event_id: str = "e1") -> Body:
    """Append an event and return its body as it is listed."""
    event = Event(event_id, "t", body=body).checked("event")
    (sequence,) = await append(store, event)
    page = await store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(1), after_sequence=sequence - 1)
    # What comes back is the same content also to the store.
    assert await append(store, event) == [sequence]
    return page.items[0].body


async def test_the_payload_of_a_state_comes_back_exactly(store: Store) -> None:
    for name, payload in PAYLOADS.items():
        check_payload("payload", payload)
        await store.states.save(NAMESPACE, "s", [write("k", payload=payload)])
        assert (await store.states.load(NAMESPACE, "s", "k")).payload == payload, name


async def test_the_payload_of_an_event_comes_back_exactly(store: Store) -> None:
    for name, payload in PAYLOADS.items():
        check_payload("payload", payload)
        assert await kept(store, payload, name) == payload, name


def parts_of(text: str) -> dict[str, Part]:
    return {
        "text": Text(text),
        "tool call": ToolCall("id", "tool", text),
        "tool response": ToolCallResponse("id", "tool", text),
        "blob": Blob("image/png", "image", text.encode()),
        "other": OtherPart(json.dumps(text, ensure_ascii=False)),
    }


@pytest.mark.parametrize("kind", parts_of(""))
async def test_the_parts_of_a_message_come_back_exactly(store: Store, kind: str) -> None:
    for name, text in TEXTS.items():
        message = Message("user", (parts_of(text)[kind],))
        assert await kept(store, message, name) == message, name


@pytest.mark.parametrize("letter", ["x", "\0", "🦑", '"'], ids=["ascii", "NUL", "emoji", "quote"])
async def test_a_text_may_be_as_large_as_a_payload(store: Store, letter: str) -> None:
    text = letter * (PAYLOAD_BYTES // len(letter.encode()))
    parts: tuple[Part, ...] = Text(text), ToolCallResponse("id", "tool", text)
    for number, part in enumerate(parts):
        message = Message("user", (part,))
        assert await kept(store, message, f"e{number}") == message


async def test_a_message_comes_back_whole(store: Store) -> None:
    parts = (
        Text("first"),
        Text(""),
        ToolCall("", "tool", ""),
        ToolCall("c1", "tool", '{"not": json'),
        ToolCallResponse("", "", ""),
        ToolCallResponse("c1", "tool", "\0"),
        Blob("", "", b""),
        Blob("image/png", "image", bytes(range(256))),
        OtherPart(' {"type": "text", "content": 1.10} '),
        Text("last"),
    )
    message = Message("assistant", parts, "name", "stop", '{ "b": 1.10, "a": "\\u0000", "a": 2 }')
    assert await kept(store, message) == message


async def test_an_empty_message_and_a_message_of_many_parts_come_back(store: Store) -> None:
    for number, message in enumerate(
        (Message("user"), Message("user", tuple(Text(str(n)) for n in range(1_000))))
    ):
        await append(store, Event(f"e{number}", "t", body=message).checked("event"))
        assert (await history(store))[number].body == message


async def test_a_step_comes_back_exactly(store: Store) -> None:
    for name, text in TEXTS.items():
        step = Step(text, text, text, "step-1")
        assert await kept(store, step, name) == step, name


async def test_an_empty_step_and_an_event_without_a_body_are_told_apart(store: Store) -> None:
    bodies: list[Body] = [Step(), None, Payload(data=b""), Payload(json='""'), Message("user", (Text(""),))]
    await append(store, *(Event(f"e{n}", "t", body=body) for n, body in enumerate(bodies)))
    assert [event.body for event in await history(store)] == bodies


PLAIN_TEXTS = [
    "plain",
    "ключ 🦑",
    "a\"b'c\\d",
    "%_*?",
    "\t\n",
    "\u2028",
    "e\u0301",
    "\x7f\x80",
    "null",
    "\\u0000",
    " ",
]


async def test_labels_and_metadata_of_any_text_come_back(store: Store) -> None:
    for number, text in enumerate(PLAIN_TEXTS):
        labels, metadata = {text: text}, {text: text, "list": [text, {text: [text]}]}
        created = await create(store, f"x{number}", title=text, labels=labels, metadata=metadata)
        assert await store.sessions.get(NAMESPACE, f"x{number}") == created
        fields = created.fields
        assert (fields.title, fields.labels, fields.metadata) == (text, labels, metadata)
        await append(store, note(f"e{number}", labels=labels))
        assert (await history(store))[-1].labels == labels
        await store.states.save(NAMESPACE, "s", [write("k", metadata=metadata)])
        assert (await store.states.load(NAMESPACE, "s", "k")).metadata == metadata


NUMBERS: list[Any] = [
    0,
    1,
    -1,
    2**53,
    -(2**53),
    0.5,
    1e-7,
    1.1,
    123456.789,
    5e-324,
    1.7976931348623157e308,
    1e22,
]


async def test_the_values_of_metadata_come_back_with_their_types(store: Store) -> None:
    values = [*NUMBERS, True, False, None, "", [], {}, [[]], [None], {"": {"": ""}}]
    metadata = {f"v{n}": value for n, value in enumerate(values)}
    created = await create(store, "x", metadata=metadata)
    for session in (created, await store.sessions.get(NAMESPACE, "x")):
        for name, value in metadata.items():
            back = session.fields.metadata[name]
            # A double is a double, whether it is written as an integer or not.
            assert (float(back) if type(value) is float else back) == value  # type: ignore[arg-type]
            assert isinstance(back, bool) == isinstance(value, bool)


async def test_ids_and_reasons_of_any_characters_come_back(store: Store) -> None:
    text = "ж🦑 \"'\\%$1:name?" + "\u00a0\u200d"
    created = await create(store, text, user_id=text, agent_id=text, task_id=text)
    assert await store.sessions.get(NAMESPACE, text) == created
    event = Event(text, text, text, text, text, None, {}, text)
    await append(store, event, session_id=text)
    (back,) = await history(store, text)
    assert (back.event_id, back.type, back.actor, back.run_id, back.task_id, back.trace_id) == (text,) * 6
    await store.states.save(NAMESPACE, text, [write(text, run_id=text)])
    assert (await store.states.load(NAMESPACE, text, text)).run_id == text
    moved = await store.sessions.transition(
        NAMESPACE, text, Transition(SessionStatus.ACTIVE, text + "\n\t", text)
    )
    assert moved.status_reason == text + "\n\t"


async def test_ids_that_differ_in_anything_are_different(store: Store) -> None:
    ids = ["a", "A", "a ", " a", "á", "a\u0301", "à", "ａ", "ss", "ß", "I", "i", "ı", "İ", "1", "01"]
    for session_id in ids:
        await create(store, session_id, title=session_id)
    for session_id in ids:
        assert (await store.sessions.get(NAMESPACE, session_id)).fields.title == session_id
    await append(store, *(note(event_id) for event_id in ids))
    assert len(await history(store)) == len(ids)
    await store.states.save(NAMESPACE, "s", [write(key, json.dumps(key)) for key in ids])
    for key in ids:
        assert (await store.states.load(NAMESPACE, "s", key)).payload == Payload(json=json.dumps(key))
