"""Between the contract's messages and the client's dataclasses: events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdfastdb._convert.sessions import from_payload_message, lookup, to_time, write_payload
from holdfastdb._convert.values import cannot_be_sent, fill, from_timestamp, to_timestamp
from holdfastdb._ids import new_id
from holdfastdb.types.events import (
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
from holdfastdb.types.payloads import Data, Json
from holdfastdb.types.sessions import EventGrouping, EventReceipt, EventSummary
from holdfastdb.v1 import history_service_pb2 as history_pb

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
_OPTIONAL = ("type", "actor", "run_id", "task_id", "trace_id")
_OPTIONAL_OF_MESSAGE = ("name", "finish_reason", "extra_json")


def to_kinds(kinds: Iterable[EventKind]) -> list[history_pb.EventKind.ValueType]:
    return [lookup(_KINDS, kind, "kinds") for kind in kinds]


def to_groupings(group_by: Iterable[EventGrouping]) -> list[history_pb.EventGrouping.ValueType]:
    return [lookup(_GROUPINGS, name, "group_by") for name in group_by]


def write_events(
    request: history_pb.AppendEventsRequest | history_pb.ReplaceEventsRequest, events: Event | Iterable[Event]
) -> None:
    """Add the events to a request."""
    target = request.events
    for index, event in enumerate([events] if isinstance(events, Event) else events):
        write_event(target.add(), event, f"events[{index}].")


def write_event(target: history_pb.Event, event: Event, path: str) -> None:
    # What is empty is left out: to say so takes as long as to say something.
    given = {name: value for name in _OPTIONAL if (value := getattr(event, name))}
    fill(path, target, event_id=event.event_id or new_id(), **given)
    if event.labels:
        _write_labels(target, event.labels, f"{path}labels")
    if (stamp := to_timestamp(event.event_time, f"{path}event_time")) is not None:
        target.event_time.CopyFrom(stamp)
    match event.body:
        case Json() | Data() as payload:
            write_payload(target.payload, payload, f"{path}payload.")
        case Message() as message:
            _write_message(target.message, message, f"{path}message.")
        case Step() as step:
            target.step.SetInParent()
            fill(
                f"{path}step.",
                target.step,
                thought=step.thought,
                action=step.action,
                observation=step.observation,
                step_id=step.step_id,
            )


def _write_labels(target: history_pb.Event, labels: Mapping[str, str], path: str) -> None:
    try:
        target.labels.update(labels)
    except (TypeError, ValueError) as error:
        raise cannot_be_sent(path, error) from error


def _write_message(target: history_pb.Message, message: Message, path: str) -> None:
    given = {name: text for name in _OPTIONAL_OF_MESSAGE if (text := getattr(message, name))}
    fill(path, target, role=message.role, **given)
    parts = target.parts
    for index, part in enumerate(message.parts):
        _write_part(parts.add(), part, f"{path}parts[{index}].")


def _write_part(target: history_pb.Part, part: Part, path: str) -> None:
    match part:
        case Text(text):
            fill(path, target, text=text)
        case ToolCall(name, arguments, id):
            target.tool_call.SetInParent()
            fill(f"{path}tool_call.", target.tool_call, id=id, name=name, arguments=arguments)
        case ToolCallResponse(response, id, name):
            answer = target.tool_call_response
            answer.SetInParent()
            fill(f"{path}tool_call_response.", answer, id=id, name=name, response=response)
        case Blob(data, media_type, modality):
            target.blob.SetInParent()
            fill(f"{path}blob.", target.blob, media_type=media_type, modality=modality, data=data)
        case OtherPart(json_text):
            fill(path, target, other_json=json_text)


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
