"""Events, and their receipts, summaries and filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from holdfastdb._arguments import (
    is_list,
    of_wrong_type,
    refused,
    require,
    require_known,
    require_list,
    require_texts,
)
from holdfastdb._convert.enums import to_enums
from holdfastdb._convert.messages import build, cannot_be_sent, fill, to_labels
from holdfastdb._convert.payloads import from_payload, write_payload
from holdfastdb._convert.times import from_optional_timestamp, from_timestamp, to_timestamp
from holdfastdb._ids import id_or_new
from holdfastdb.types.events import (
    Blob,
    Body,
    Event,
    Message,
    OtherPart,
    Part,
    Step,
    Text,
    ToolCall,
    ToolCallResponse,
    Unsendable,
)
from holdfastdb.types.history import EventFilter, EventReceipt, EventSummary
from holdfastdb.types.payloads import Data, Json
from holdfastdb.v1 import history_service_pb2 as pb

_NEEDED = "an Event, such as Event.message(role, text), Event.step(thought=...) or Event.of(type, value),"
_OPTIONAL = ("type", "actor", "run_id", "task_id", "trace_id")
_OPTIONAL_OF_MESSAGE = ("name", "finish_reason", "extra_json")


def write_events(
    request: pb.AppendEventsRequest | pb.ReplaceEventsRequest, events: Event | Iterable[Event]
) -> None:
    """Add the events to a request."""
    target = request.events
    for index, event in enumerate(each_event(events)):
        write_event(target.add(), event, f"events[{index}].")


def each_event(events: Event | Iterable[Event]) -> Iterable[Event]:
    """The events of a list; anything else is taken as one event, which `write_event` checks."""
    if isinstance(events, Event) or not is_list(events):
        return (cast("Event", events),)
    return events


def write_event(target: pb.Event, event: Event, path: str) -> None:
    require(event, Event, path.removesuffix("."), _NEEDED)
    # Empty fields are not set: setting one takes as long as for a value.
    given = {name: value for name in _OPTIONAL if (value := getattr(event, name)) != ""}
    fill(path, target, event_id=id_or_new(event.event_id), **given)
    if labels := to_labels(event.labels, f"{path}labels"):
        try:
            target.labels.update(labels)
        except ValueError as error:  # a lone surrogate
            raise cannot_be_sent(f"{path}labels", error) from error
    if (stamp := to_timestamp(event.event_time, f"{path}event_time")) is not None:
        target.event_time.CopyFrom(stamp)
    match event.body:
        case None:
            pass
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
        case Unsendable() as body:
            raise refused(f"{path}{body.field}", body.description)
        case body:
            raise of_wrong_type(f"{path}body", "a Message, Step, Json or Data", body)


def _write_message(target: pb.Message, message: Message, path: str) -> None:
    given = {name: text for name in _OPTIONAL_OF_MESSAGE if (text := getattr(message, name)) != ""}
    fill(path, target, role=message.role, **given)
    parts = target.parts
    for index, part in enumerate(require_list(message.parts, f"{path}parts")):
        _write_part(parts.add(), part, f"{path}parts[{index}].")


def _write_part(target: pb.Part, part: object, path: str) -> None:
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
        case _:
            needed = "a Text, ToolCall, ToolCallResponse, Blob or OtherPart"
            raise of_wrong_type(path.removesuffix("."), needed, part)


def from_event(message: pb.Event) -> Event:
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
        event_time=from_optional_timestamp(message, "event_time"),
        create_time=from_optional_timestamp(message, "create_time"),
    )


def _from_body(message: pb.Event) -> Body | None:
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
            return from_payload(message.payload)
        case _:
            return None


def _from_part(message: pb.Part) -> Part:
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


def from_receipts(messages: Sequence[pb.EventReceipt]) -> tuple[EventReceipt, ...]:
    # A copy: iterating over the field itself takes longer.
    return tuple(
        [
            EventReceipt(receipt.event_id, receipt.sequence, from_timestamp(receipt.create_time))
            for receipt in messages[:]
        ]
    )


def from_event_summary(message: pb.EventSummary) -> EventSummary:
    return EventSummary(
        type=message.type,
        actor=message.actor,
        bucket_time=from_optional_timestamp(message, "bucket_time"),
        count=message.count,
        first_event_time=from_optional_timestamp(message, "first_event_time"),
        last_event_time=from_optional_timestamp(message, "last_event_time"),
    )


def to_event_filter(conditions: EventFilter) -> pb.EventFilter | None:
    require_known(conditions, EventFilter)
    if not conditions:
        return None
    return build(
        "filter.",
        pb.EventFilter,
        types=require_texts(conditions.get("types", ()), "filter.types"),
        kinds=to_enums(pb.EventKind, conditions.get("kinds", ()), "filter.kinds"),
        actor=conditions.get("actor", ""),
        run_id=conditions.get("run_id", ""),
        task_id=conditions.get("task_id", ""),
        trace_id=conditions.get("trace_id", ""),
        labels=to_labels(conditions.get("labels"), "filter.labels"),
        event_time_from=to_timestamp(conditions.get("event_time_from"), "filter.event_time_from"),
        event_time_until=to_timestamp(conditions.get("event_time_until"), "filter.event_time_until"),
    )
