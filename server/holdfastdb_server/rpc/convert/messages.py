"""The bodies of events between protobuf and domain: messages with their parts, steps, payloads."""

from __future__ import annotations

from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.events import Body
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
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert.scalars import read_payload, write_payload


def read_body(index: int, event: pb.Event) -> Body:
    """Return the body of the request's event at `index`; it may have none."""
    match event.WhichOneof("body"):
        case "message":
            return _read_message(index, event.message)
        case "payload":
            return read_payload(event.payload)
        case "step":
            step = event.step
            return Step(step.thought, step.action, step.observation, step.step_id)
        case _:
            return None


def write_body(target: pb.Event, body: Body) -> None:
    """Fill in the body of an event."""
    match body:
        case Message():
            _write_message(target.message, body)
        case Payload():
            write_payload(target.payload, body)
        case Step():
            step = target.step
            step.SetInParent()
            step.thought = body.thought
            step.action = body.action
            step.observation = body.observation
            step.step_id = body.step_id


def _read_message(index: int, message: pb.Message) -> Message:
    return Message(
        role=message.role,
        parts=tuple([_read_part(index, place, part) for place, part in enumerate(message.parts)]),
        name=message.name,
        finish_reason=message.finish_reason,
        extra_json=message.extra_json,
    )


def _read_part(index: int, place: int, part: pb.Part) -> Part:
    match part.WhichOneof("content"):
        case "text":
            return Text(part.text)
        case "tool_call":
            call = part.tool_call
            return ToolCall(call.id, call.name, call.arguments)
        case "tool_call_response":
            response = part.tool_call_response
            return ToolCallResponse(response.id, response.name, response.response)
        case "blob":
            blob = part.blob
            return Blob(blob.media_type, blob.modality, blob.data)
        case "other_json":
            return OtherPart(part.other_json)
        case _:
            raise InvalidField(f"events[{index}].message.parts[{place}]", "must have content")


def _write_message(target: pb.Message, message: Message) -> None:
    target.role = message.role
    target.name = message.name
    target.finish_reason = message.finish_reason
    target.extra_json = message.extra_json
    parts = target.parts
    for part in message.parts:
        _write_part(parts.add(), part)


def _write_part(target: pb.Part, part: Part) -> None:
    match part:
        case Text():
            target.text = part.text
        case ToolCall():
            call = target.tool_call
            call.id, call.name, call.arguments = part.id, part.name, part.arguments
        case ToolCallResponse():
            response = target.tool_call_response
            response.SetInParent()
            response.id, response.name, response.response = part.id, part.name, part.response
        case Blob():
            blob = target.blob
            blob.SetInParent()
            blob.media_type, blob.modality, blob.data = part.media_type, part.modality, part.data
        case OtherPart():
            target.other_json = part.json
