"""Guarantee 9: whatever may be stored comes back exactly, and what may not be is refused whole."""

from __future__ import annotations

import json
from uuid import uuid4

import grpc
import pytest

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.clients import failure
from tests.support.raw import LARGEST, MEBIBYTE, Raw, check_refused, check_unchanged, event, message, payload
from tests.support.servers import ServerProcess

EXACT_JSON = {
    "nul": r'{"output": "a\u0000b", "\u0000": "\u0000"}',
    "large integers": '{"id": 9007199254740993, "huge": 12345678901234567890, "neg": -9223372036854775809}',
    "number spellings": "[1.0, 1e2, 1E+2, -0, -0.0, 0.10, 1e400, 1e-400]",
    "duplicate keys": '{"a": 1, "a": 2, "b": 0, "a": 3}',
    "key order": '{"z": 1, "a": {"y": 1, "b": 2}}',
    "white space": ' \n\t{ "a" :\r\n [ 1 , 2 ] } \n',
    "escapes": r'"\/ \u00e9 \u0041 \" \\ \b"',
    "emoji": '"👩‍👩‍👧‍👦 🏳️‍🌈 é"',
    "separators": '"\u2028\u2029\ufeff\x7f\x80"',
    "noncharacters": '"\uffff\ufdd0\U0010ffff"',
    "scalars": "null",
    "depth of 500": "[" * 500 + "]" * 500,
    "depth of 500 objects": '{"a":' * 500 + "1" + "}" * 500,
    "many brackets in a string": json.dumps("[" * 2_000 + "{" * 2_000),
    "many shallow arrays": json.dumps([[] for _ in range(3_000)]),
    "empty string": '""',
}


@pytest.mark.parametrize("text", EXACT_JSON.values(), ids=EXACT_JSON.keys())
async def test_json_comes_back_character_for_character(raw: Raw, text: str) -> None:
    await raw(raw.append(event(event_id="e", payload=payload(text))))
    assert (await raw.events())[-1].payload.json == text
    write = session_pb.StateWrite(key="k", payload=payload(text))
    await raw(session_pb.SaveStateRequest(session_id=raw.session_id, writes=[write]))
    state = (await raw(session_pb.LoadStateRequest(session_id=raw.session_id, key="k"))).state
    assert state.payload.json == text
    # The same once more is the same, and not another content.
    await raw(raw.append(event(event_id="e", payload=payload(text))))


NOT_JSON = {
    "empty": "",
    "space": " ",
    "open": '{"a": 1',
    "trailing comma": "[1,]",
    "two texts": "1 2",
    "bare word": "undefined",
    "NaN": '{"a": NaN}',
    "Infinity": "[-Infinity]",
    "single quotes": "{'a': 1}",
    "leading zero": "01",
    "plus": "+1",
    "comment": "/* */ 1",
    "raw control character": '"a\nb"',
    "raw nul": '"a\0b"',
    "bad escape": r'"\x41"',
    "half a unicode escape": r'"\u12"',
    "half a surrogate pair": r'"\ud83d"',
    "surrogates in the wrong order": r'{"\udc00\ud800": 1}',
    "byte order mark": "\ufeff1",
    "depth of 501": "[" * 501 + "]" * 501,
    "depth of 100,000": "[" * 100_000 + "]" * 100_000,
    "depth of 100,000, never closed": '{"a":' * 100_000,
    "depth of 600 after strings": '["\\"", "[", ' + "[" * 600 + "]" * 600 + "]",
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_refused(raw: Raw, text: str) -> None:
    good = event(event_id="good")
    await check_refused(raw, raw.append(good, event(payload=payload(text))), "events[1].payload.json")
    writes = [session_pb.StateWrite(key=key, payload=payload(text)) for key in ("kept", "k")]
    request = session_pb.SaveStateRequest(session_id=raw.session_id, writes=writes)
    await check_refused(raw, request, "writes[0].payload.json")


@pytest.mark.parametrize("size", [0, 1, LARGEST])
async def test_bytes_come_back_up_to_three_mebibytes(raw: Raw, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    await raw(raw.append(event(payload=payload(data=data[:size]))))
    listed = history_pb.ListEventsRequest(session_id=raw.session_id, after_sequence=1)
    assert [stored.payload.data for stored in (await raw(listed)).events] == [data[:size]]


async def test_bodies_of_exactly_three_mebibytes_come_back(raw: Raw) -> None:
    text = "é" * (LARGEST // 2 - 1)
    await raw(raw.append(event(payload=payload(f'"{text}"'))))
    await raw(raw.append(message(history_pb.Part(text="x" * (LARGEST - 1)), history_pb.Part(text="y"))))
    await raw(raw.append(history_pb.Event(step=history_pb.Step(thought="é" * (LARGEST // 2)))))
    listed = history_pb.ListEventsRequest(session_id=raw.session_id, after_sequence=1, page_size=1)
    assert (await raw(listed)).events[0].payload.json == f'"{text}"'
    listed.after_sequence = 2
    assert [len(part.text) for part in (await raw(listed)).events[0].message.parts] == [LARGEST - 1, 1]
    listed.after_sequence = 3
    assert len((await raw(listed)).events[0].step.thought) == LARGEST // 2


async def test_three_mebibytes_and_a_byte_are_refused(raw: Raw) -> None:
    large = b"x" * (LARGEST + 1)
    text = '"' + "é" * (LARGEST // 2) + '"'
    blob = history_pb.Part(blob=history_pb.Blob(data=large))
    for bad, field in (
        (event(payload=payload(data=large)), "events[0].payload.data"),
        (event(payload=payload(text)), "events[0].payload.json"),
        (message(blob), "events[0].message"),
        (message(history_pb.Part(text="x" * LARGEST), history_pb.Part(text="y")), "events[0].message"),
        (history_pb.Event(step=history_pb.Step(action="x" * LARGEST, thought="y")), "events[0].step"),
    ):
        await check_refused(raw, raw.append(bad), field)
    patch = session_pb.PatchStateRequest(session_id=raw.session_id, key="kept", merge_patch=text)
    await check_refused(raw, patch, "merge_patch")


async def test_a_request_of_twenty_mebibytes_is_refused_and_the_next_one_served(
    raw: Raw, shared_server: ServerProcess
) -> None:
    before = await raw.client.sessions.get(raw.session_id)
    many = [event(payload=payload(data=b"x" * MEBIBYTE)) for _ in range(20)]
    unlimited = holdfastdb.connect(shared_server.target, options=[("grpc.max_send_message_length", -1)])
    async with unlimited as client:
        error = await failure(Raw(client, raw.session_id)(raw.append(*many)))
    assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    await check_unchanged(raw, before)


TEXTS = {
    "nul": "a\0b",
    "only nul": "\0",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "escape sequence": "\x1b[31mred\x1b[0m",
    "emoji": "👩‍👩‍👧‍👦",
    "right to left": "\u202eabc\u202c",
    "noncharacter": "\uffff\U0010ffff",
    "SQL": "'; DROP TABLE events; --",
    "backslashes": r"\u0000 \x00 \\ %s {} $1 :name",
    "unnormalized": "e\u0301 \u212b",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
async def test_texts_come_back_exactly(raw: Raw, text: str) -> None:
    parts = (
        history_pb.Part(text=text),
        history_pb.Part(tool_call=history_pb.ToolCall(name="t", arguments=text)),
        history_pb.Part(tool_call_response=history_pb.ToolCallResponse(response=text)),
        history_pb.Part(other_json=json.dumps(text)),
        history_pb.Part(other_json=json.dumps(text, ensure_ascii=False) if text.isprintable() else "0"),
        history_pb.Part(blob=history_pb.Blob(data=text.encode())),
    )
    sent = message(*parts, extra_json=json.dumps({text: text}))
    step = history_pb.Event(step=history_pb.Step(thought=text, action=text, observation=text))
    await raw(raw.append(sent, step))
    _, stored, stored_step = await raw.events()
    assert stored.message == sent.message
    assert stored_step.step == step.step


IDS = [
    "é" * 255,
    "👩" * 255,
    " ",
    "a b",
    "'; --",
    "\u202e",
    "\u2028",
    "%",
    "_",
    "\\",
    "../..",
    "null",
    "\ufeff",
]


@pytest.mark.parametrize("name", IDS)
async def test_ids_of_any_printable_kind_work_everywhere(raw: Raw, name: str) -> None:
    client, session_id = raw.client, f"{uuid4().hex[:8]}{name}"[:255]
    await client.sessions.create(session_id, user_id=name, agent_id=name, task_id=name, title=name)
    sent = holdfastdb.Event.of(
        name, 1, event_id=name, actor=name, run_id=name, task_id=name, trace_id=name, labels={name: name}
    )
    await client.history.append(session_id, sent)
    await client.states.save(session_id, 1, name[:250], run_id=name, metadata={name: name})
    listed = client.history.list(session_id, types=[name], actor=name, labels={name: name})
    (stored,) = [event async for event in listed]
    assert (stored.event_id, stored.type, stored.labels) == (name, name, {name: name})
    states = client.states.list(session_id, key_prefix=name[:1], metadata={name: name})
    (state,) = [state async for state in states]
    assert (state.key, state.run_id) == (name[:250], name)
    assert (await client.sessions.get(session_id)).user_id == name
