"""What no client of ours sends: bytes that are no message, forged page tokens, odd headers."""

from __future__ import annotations

import asyncio
import base64
import json

import grpc
import pytest
from google.protobuf.message import Message

from holdfastdb._transport.rpc_errors import from_rpc_error
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.clients import failure
from tests.support.raw import HISTORY, SESSIONS, Raw, check_unchanged, event, message, payload
from tests.support.waiting import PATIENCE


def field(number: int, data: bytes) -> bytes:
    """Return a field of bytes, text or a message, as protobuf writes it."""
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


BAD_TEXT = b"caf\xe9"  # Latin-1
LONE_SURROGATE = b"\xed\xa0\x80"  # UTF-8 has none

MALFORMED = {
    "no message at all": b"\xff\xff\xff\xff",
    "nothing but zeros": bytes(64),
    "a text in JSON": b'{"session_id": "s"}',
    "a length beyond the end": b"\x0a\x7fabc",
    "a number without an end": b"\x18" + b"\xff" * 11,
    "a group without an end": b"\x0b",
    "the end of a group": b"\x0c",
    "an event cut off": field(1, b"s") + field(2, field(1, b"e") + b"\x12\x20x"),
    "a session id that is no UTF-8": field(1, BAD_TEXT) + field(2, field(4, b"t")),
    "an event id that is no UTF-8": field(1, b"s") + field(2, field(1, BAD_TEXT)),
    "a surrogate in a type": field(1, b"s") + field(2, field(4, LONE_SURROGATE)),
    "JSON that is no UTF-8": field(1, b"s") + field(2, field(10, field(1, b'"' + BAD_TEXT + b'"'))),
    "a label that is no UTF-8": field(1, b"s") + field(2, field(11, field(1, b"k") + field(2, BAD_TEXT))),
    "an overlong NUL": field(1, b"s") + field(2, field(4, b"a\xc0\x80")),
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED.keys())
async def test_bytes_that_are_no_request_are_refused(raw: Raw, request_bytes: bytes) -> None:
    before = await raw.client.sessions.get(raw.session_id)
    error = await failure(raw.send(HISTORY, "AppendEvents", request_bytes))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert error.field_violations
    await check_unchanged(raw, before)


@pytest.mark.parametrize("method", ["GetSession", "SaveState", "LoadState", "ListStates"])
async def test_every_method_refuses_bytes_that_are_no_request(raw: Raw, method: str) -> None:
    error = await failure(raw.send(SESSIONS, method, MALFORMED["no message at all"]))
    assert error.reason == "MALFORMED_REQUEST"
    error = await failure(raw.send(HISTORY, "TailEvents", MALFORMED["no message at all"]))
    assert error.reason == "MALFORMED_REQUEST"


async def test_a_request_cut_off_anywhere_is_refused_or_leaves_nothing_behind(raw: Raw) -> None:
    before = await raw.client.sessions.get(raw.session_id)
    appended = event(event_id="e", payload=payload('{"a": 1}'), labels={"k": "v"})
    parts = (
        history_pb.AppendEventsRequest(session_id=raw.session_id),
        # Before the event: no cut may make a request of it that can be carried out.
        history_pb.AppendEventsRequest(expected_last_sequence=99),
        history_pb.AppendEventsRequest(events=[appended]),
    )
    whole = b"".join(part.SerializeToString() for part in parts)
    for end in range(len(whole)):
        error = await failure(raw.send(HISTORY, "AppendEvents", whole[:end]))
        assert error.code == grpc.StatusCode.INVALID_ARGUMENT, error
    await check_unchanged(raw, before)


async def test_fields_of_a_newer_contract_are_passed_over(raw: Raw) -> None:
    request = session_pb.GetSessionRequest(session_id=raw.session_id).SerializeToString()
    answer = await raw.send(SESSIONS, "GetSession", request + field(15, b"new"))
    assert session_pb.GetSessionResponse.FromString(answer).session.session_id == raw.session_id


async def test_a_struct_nested_deeper_than_protobuf_reads_is_refused(raw: Raw) -> None:
    nested = b""
    for _ in range(1_000):
        nested = _long_field(1, _long_field(1, b"a") + _long_field(2, _long_field(5, nested)))
    session = _long_field(1, raw.session_id.encode()) + _long_field(10, nested)
    error = await failure(raw.send(SESSIONS, "UpdateSession", _long_field(1, session)))
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT


def _long_field(number: int, data: bytes) -> bytes:
    length, size = [], len(data)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + data


def _list(raw: Raw, token: str = "", **fields: object) -> Message:
    filled = {"session_id": raw.session_id, "page_size": 2, "page_token": token, **fields}
    return history_pb.ListEventsRequest(**filled)  # type: ignore[arg-type]


@pytest.fixture
async def token(raw: Raw) -> str:
    """The token of the second page of the session's history."""
    await raw(raw.append(*(event(event_id=f"e{number}") for number in range(4))))
    answer = await raw(_list(raw))
    return str(answer.next_page_token)


def _forge(token: str, cursor: object) -> str:
    """Return the token with another cursor, forged with the knowledge of our code."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    text = cursor if isinstance(cursor, bytes) else json.dumps(cursor).encode()
    return base64.urlsafe_b64encode(raw[:8] + text).decode().rstrip("=")


async def check_token_refused(raw: Raw, request: Message) -> None:
    error = await failure(raw(request))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    assert [violation.field for violation in error.field_violations] == ["page_token"]


FORGED: list[object] = [
    b"",
    b"[",
    b"\xff",
    b"[" * 100_000,
    b"NaN",
    b"9" * 5_000,
    [],
    [1, 2],
    {},
    {"a": 1},
    None,
    "1",
    ["1"],
    [1.5],
    [True],
    [None],
    [[1]],
    [2**63],
    [-(2**63) - 1],
    [10**300],
]


@pytest.mark.parametrize("cursor", FORGED, ids=lambda cursor: str(cursor)[:20])
async def test_a_forged_page_token_is_refused(raw: Raw, token: str, cursor: object) -> None:
    await check_token_refused(raw, _list(raw, _forge(token, cursor)))


@pytest.mark.parametrize("number", [0, -1, -(2**63), 2**63 - 1, 10**15])
async def test_a_page_token_with_another_number_reads_what_is_there(
    raw: Raw, token: str, number: int
) -> None:
    answer = await raw(_list(raw, _forge(token, [number])))
    assert [one.sequence for one in answer.events] == [n for n in range(1, 6) if n > number][:2]


@pytest.mark.parametrize(
    "bad", ["x", "!!!!", "é", "\0", "a" * 10_000, "=", "AAAAAAAAAAAAAAAA", "eyJhIjoxfQ", " "]
)
async def test_what_is_no_page_token_is_refused(raw: Raw, bad: str) -> None:
    await check_token_refused(raw, _list(raw, bad))
    await check_token_refused(raw, session_pb.ListSessionsRequest(page_token=bad))
    request = session_pb.ListStatesRequest(session_id=raw.session_id, page_token=bad)
    await check_token_refused(raw, request)


async def test_a_page_token_is_bound_to_its_list_and_filter(raw: Raw, token: str) -> None:
    await check_token_refused(raw, _list(raw, token, after_sequence=1))
    await check_token_refused(raw, _list(raw, token, order=2))
    await check_token_refused(raw, _list(raw, token, filter=history_pb.EventFilter(actor="a")))
    await check_token_refused(raw, _list(raw, token, session_id="another"))
    await check_token_refused(raw, _list(raw, token, include_total_size=True))
    request = session_pb.ListStatesRequest(session_id=raw.session_id, page_token=token)
    await check_token_refused(raw, request)
    await check_token_refused(raw, _list(raw, token[:-1]))
    await check_token_refused(raw, _list(raw, token + "A"))
    changed = ("B" if token[0] == "A" else "A") + token[1:]
    await check_token_refused(raw, _list(raw, changed))
    # A page size is no part of it.
    assert [one.sequence for one in (await raw(_list(raw, token, page_size=3))).events] == [3, 4, 5]


async def test_a_namespace_that_is_no_id_is_refused(raw: Raw) -> None:
    request = session_pb.GetSessionRequest(session_id=raw.session_id)
    headers = (("holdfast-namespace", "x" * 256),)
    error = await failure(raw.client.stubs.sessions.GetSession(request, metadata=headers, timeout=PATIENCE))
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.field_violations] == ["holdfast-namespace"]


async def test_a_bad_request_does_not_harm_those_beside_it(raw: Raw) -> None:
    """Requests that are carried out together fail alone."""
    good = [event(event_id=f"good-{number}") for number in range(20)]
    taken = event(event_id="first", actor="somebody else")
    calls = []
    for number, one in enumerate(good):
        calls.append(raw(raw.append(one)))
        calls.append(raw(raw.append(event(event_id=f"bad-{number}"), taken)))
        calls.append(raw(raw.append(event(event_id=f"bad-{number}"), expected_last_sequence=10_000)))
        calls.append(raw(raw.append(message(role=""))))
        missing = history_pb.AppendEventsRequest(session_id="missing", events=[event()])
        calls.append(raw(missing))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [_reason(outcome) for outcome in outcomes] == [
        "OK", "EVENT_ID_TAKEN", "SEQUENCE_MISMATCH", "INVALID_FIELD", "SESSION_NOT_FOUND",
    ] * 20  # fmt: skip
    assert {one.event_id for one in await raw.events()} == {"first", *(one.event_id for one in good)}
    assert (await raw.client.sessions.get(raw.session_id)).last_sequence == 21


def _reason(outcome: object) -> str:
    return from_rpc_error(outcome).reason if isinstance(outcome, grpc.aio.AioRpcError) else "OK"
