"""Between the contract's messages and the client's dataclasses: events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.convert import from_payload_message, lookup, to_payload_message, to_time
from holdfast.events import (
    Blob,
    Body,
    Event,
    EventKind,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
)
from holdfast.ids import new_id
from holdfast.payload import Data, Json
from holdfast.types import EventGrouping, EventReceipt, EventSummary
from holdfast.v1 import history_service_pb2 as history_pb
from holdfast.values import build, from_timestamp, to_timestamp

_KINDS = {
    EventKind.MESSAGE: history_pb.EVENT_KIND_MESSAGE,
    EventKind.STEP: history_pb.EVENT_KIND_STEP,
    EventKind.PAYLOAD: history_pb.EVENT_KIND_PAYLOAD,
    EventKind.EMPTY: history_pb.EVENT_KIND_EMPTY,
}
_GROUPINGS: dict[EventGrouping, history_pb.EventGrouping.ValueType] = {
    "type": history_pb.EVENT_GROUPING_TYPE,
    "actor": history_pb.EVENT_GROUPING_ACTOR,
    "time": history_pb.EVENT_GROUPING_TIME,
}
_OPTIONAL = ("type", "actor", "run_id", "task_id", "trace_id", "labels")


def to_kinds(kinds: Iterable[EventKind]) -> list[history_pb.EventKind.ValueType]:
    return [lookup(_KINDS, kind, "kinds") for kind in kinds]


def to_groupings(group_by: Iterable[EventGrouping]) -> list[history_pb.EventGrouping.ValueType]:
    return [lookup(_GROUPINGS, name, "group_by") for name in group_by]


def to_event_messages(events: Event | Iterable[Event]) -> list[history_pb.Event]:
    sequence = [events] if isinstance(events, Event) else events
    return [_to_event_message(event, f"events[{index}].") for index, event in enumerate(sequence)]


def _to_event_message(event: Event, path: str) -> history_pb.Event:
    # What is empty is left out: to say so takes as long as to say something.
    fields: dict[str, Any] = {name: value for name in _OPTIONAL if (value := getattr(event, name))}
    fields["event_id"] = event.event_id or new_id()
    if event.event_time is not None:
        fields["event_time"] = to_timestamp(event.event_time, f"{path}event_time")
    match event.body:
        case Json() | Data() as payload:
            fields["payload"] = to_payload_message(payload, f"{path}payload")
        case Message() as message:
            fields["message"] = _to_message(message, f"{path}message.")
        case Step() as step:
            fields["step"] = build(
                f"{path}step.",
                history_pb.Step,
                thought=step.thought,
                action=step.action,
                observation=step.observation,
                step_id=step.step_id,
            )
    return build(path, history_pb.Event, **fields)


def _to_message(message: Message, path: str) -> history_pb.Message:
    return build(
        path,
        history_pb.Message,
        role=message.role,
        parts=[_to_part(part, f"{path}parts[{index}].") for index, part in enumerate(message.parts)],
        name=message.name,
        finish_reason=message.finish_reason,
        extra_json=message.extra_json,
    )


def _to_part(part: Part, path: str) -> history_pb.Part:
    match part:
        case Text(text):
            return build(path, history_pb.Part, text=text)
        case ToolCall(name, arguments, id):
            call = build(f"{path}tool_call.", history_pb.ToolCall, id=id, name=name, arguments=arguments)
            return history_pb.Part(tool_call=call)
        case ToolCallResponse(response, id, name):
            answer = build(
                f"{path}tool_call_response.", history_pb.ToolCallResponse, id=id, name=name, response=response
            )
            return history_pb.Part(tool_call_response=answer)
        case Blob(data, media_type, modality):
            blob = build(f"{path}blob.", history_pb.Blob, media_type=media_type, modality=modality, data=data)
            return history_pb.Part(blob=blob)
        case OtherPart(json_text):
            return build(path, history_pb.Part, other_json=json_text)


def to_event(message: history_pb.Event) -> Event:
    return Event(
        event_id=message.event_id,
        session_id=message.session_id,
        sequence=message.sequence,
        type=message.type,
        actor=message.actor,
        run_id=message.run_id,
        task_id=message.task_id,
        body=_from_body(message),
        labels=dict(message.labels),
        trace_id=message.trace_id,
        event_time=to_time(message.event_time, message.HasField("event_time")),
        create_time=to_time(message.create_time, message.HasField("create_time")),
    )


def _from_body(message: history_pb.Event) -> Body | None:
    match message.WhichOneof("body"):
        case "message":
            body = message.message
            return Message(
                role=body.role,
                parts=tuple(_from_part(part) for part in body.parts),
                name=body.name,
                finish_reason=body.finish_reason,
                extra_json=body.extra_json,
            )
        case "step":
            step = message.step
            return Step(step.thought, step.action, step.observation, step.step_id)
        case "payload":
            return from_payload_message(message.payload)
        case _:
            return None


def _from_part(message: history_pb.Part) -> Part:
    match message.WhichOneof("content"):
        case "tool_call":
            call = message.tool_call
            return ToolCall(call.name, call.arguments, call.id)
        case "tool_call_response":
            answer = message.tool_call_response
            return ToolCallResponse(answer.response, answer.id, answer.name)
        case "blob":
            return Blob(message.blob.data, message.blob.media_type, message.blob.modality)
        case "other_json":
            return OtherPart(message.other_json)
        case _:
            return Text(message.text)


def to_receipts(messages: Sequence[history_pb.EventReceipt]) -> tuple[EventReceipt, ...]:
    # Of a copy: to iterate over the field itself takes longer.
    return tuple(
        [
            EventReceipt(receipt.event_id, receipt.sequence, from_timestamp(receipt.create_time))
            for receipt in messages[:]
        ]
    )


def to_summary(message: history_pb.EventSummary) -> EventSummary:
    return EventSummary(
        type=message.type,
        actor=message.actor,
        bucket_time=to_time(message.bucket_time, message.HasField("bucket_time")),
        count=message.count,
        first_event_time=to_time(message.first_event_time, message.HasField("first_event_time")),
        last_event_time=to_time(message.last_event_time, message.HasField("last_event_time")),
    )
