"""Raw calls that send what the client would refuse to send, and what must be true after each."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from google.protobuf.message import Message

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from tests.support.clients import failure
from tests.support.waiting import PATIENCE

MEBIBYTE = 1024 * 1024
LARGEST = 3 * MEBIBYTE
"""The bytes of the largest body."""
HISTORY, SESSIONS = "holdfastdb.v1.HistoryService", "holdfastdb.v1.SessionService"


class Raw:
    """Sends what the client would refuse to send."""

    def __init__(self, client: holdfastdb.AsyncClient, session_id: str) -> None:
        self.client = client
        self.session_id = session_id

    async def __call__(self, request: Message) -> Any:
        """Send a request to the method that takes it, to its first answer."""
        name = request.DESCRIPTOR.name.removesuffix("Request")
        stubs = self.client.stubs
        stub: Any = stubs.history if hasattr(stubs.history, name) else stubs.sessions
        call = getattr(stub, name)(request, metadata=self.client.call_metadata(), timeout=PATIENCE)
        return await (call.read() if name == "TailEvents" else call)

    async def send(self, service: str, method: str, request: bytes) -> bytes:
        """Send bytes to a method."""
        call: Any = self.client.channel.unary_unary(f"/{service}/{method}", None, None)
        answer = await call(request, metadata=self.client.call_metadata(), timeout=PATIENCE)
        assert isinstance(answer, bytes)
        return answer

    def append(self, *events: history_pb.Event, **fields: Any) -> history_pb.AppendEventsRequest:
        """Return a request to append to the test's session."""
        return history_pb.AppendEventsRequest(session_id=self.session_id, events=events, **fields)

    async def events(self) -> list[history_pb.Event]:
        """Return what the session's history holds."""
        answer = await self(history_pb.ListEventsRequest(session_id=self.session_id, page_size=1_000))
        return list(answer.events)


async def check_refused(raw: Raw, request: Message, field: str) -> None:
    """Check that a request is refused for a field, and that nothing of the session has changed."""
    before = await raw.client.sessions.get(raw.session_id)
    error = await failure(raw(request))
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT, error
    assert error.reason == "INVALID_FIELD"
    assert [violation.field for violation in error.field_violations] == [field]
    assert error.field_violations[0].description
    await check_unchanged(raw, before)


async def check_unchanged(raw: Raw, before: holdfastdb.Session) -> None:
    """Check that the session is as it was: its fields, its history and its states."""
    assert await raw.client.sessions.get(raw.session_id) == before
    assert [event.event_id for event in await raw.events()] == ["first"]
    states = [state async for state in raw.client.states.list(raw.session_id)]
    assert [(state.key, state.version) for state in states] == [("kept", 1)]


def payload(text: str | None = None, **fields: Any) -> payload_pb2.Payload:
    """Return a payload of JSON text, or of what the fields say."""
    return payload_pb2.Payload(**fields) if text is None else payload_pb2.Payload(json=text, **fields)


def event(**fields: Any) -> history_pb.Event:
    """Return an event of type `note`."""
    return history_pb.Event(type="note", **fields)


def message(*parts: history_pb.Part, **fields: Any) -> history_pb.Event:
    """Return an event with a message of these parts."""
    return history_pb.Event(message=history_pb.Message(**{"role": "user", "parts": parts, **fields}))


def struct(**fields: object) -> struct_pb2.Struct:
    """Return an object of JSON values, NaN and infinities too."""
    return struct_pb2.Struct(fields={name: _value(member) for name, member in fields.items()})


def _value(member: Any) -> struct_pb2.Value:
    if isinstance(member, float):  # json_format writes only what JSON knows
        return struct_pb2.Value(number_value=member)
    if isinstance(member, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=map(_value, member)))
    return json_format.ParseDict(member, struct_pb2.Value())
