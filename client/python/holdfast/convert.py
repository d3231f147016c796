"""Between the contract's messages and the client's dataclasses. Nothing else here knows both."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from google.protobuf import timestamp_pb2

from holdfast.errors import refused
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
from holdfast.payload import Data, Json, Payload
from holdfast.types import (
    EventGrouping,
    EventReceipt,
    EventSummary,
    Order,
    Retention,
    Session,
    SessionStatus,
    State,
    StateWrite,
)
from holdfast.v1 import history_service_pb2 as history_pb
from holdfast.v1 import payload_pb2
from holdfast.v1 import session_service_pb2 as session_pb
from holdfast.values import build, from_struct, from_timestamp, to_payload, to_struct, to_timestamp

K = TypeVar("K")
V = TypeVar("V")

_STATUSES = {
    SessionStatus.PENDING: session_pb.SESSION_STATUS_PENDING,
    SessionStatus.ACTIVE: session_pb.SESSION_STATUS_ACTIVE,
    SessionStatus.COMPLETED: session_pb.SESSION_STATUS_COMPLETED,
    SessionStatus.FAILED: session_pb.SESSION_STATUS_FAILED,
    SessionStatus.EXPIRED: session_pb.SESSION_STATUS_EXPIRED,
}
_STATUSES_BACK = {number: status for status, number in _STATUSES.items()}
_KINDS = {
    EventKind.MESSAGE: history_pb.EVENT_KIND_MESSAGE,
    EventKind.STEP: history_pb.EVENT_KIND_STEP,
    EventKind.PAYLOAD: history_pb.EVENT_KIND_PAYLOAD,
    EventKind.EMPTY: history_pb.EVENT_KIND_EMPTY,
}
_ORDERS: dict[Order | None, payload_pb2.SortOrder.ValueType] = {
    None: payload_pb2.SORT_ORDER_UNSPECIFIED,
    "ascending": payload_pb2.SORT_ORDER_ASCENDING,
    "descending": payload_pb2.SORT_ORDER_DESCENDING,
}
_GROUPINGS: dict[EventGrouping, history_pb.EventGrouping.ValueType] = {
    "type": history_pb.EVENT_GROUPING_TYPE,
    "actor": history_pb.EVENT_GROUPING_ACTOR,
    "time": history_pb.EVENT_GROUPING_TIME,
}


def _lookup(table: Mapping[K, V], key: K, path: str) -> V:
    try:
        return table[key]
    except (KeyError, TypeError):
        known = ", ".join(str(name) for name in table if name is not None)
        raise refused(path, f"{key!r} is not one of {known}") from None


def to_status(status: SessionStatus, path: str = "status") -> session_pb.SessionStatus.ValueType:
    return _lookup(_STATUSES, status, path)


def to_kinds(kinds: Iterable[EventKind]) -> list[history_pb.EventKind.ValueType]:
    return [_lookup(_KINDS, kind, "kinds") for kind in kinds]


def to_order(order: Order | None) -> payload_pb2.SortOrder.ValueType:
    return _lookup(_ORDERS, order, "order")


def to_groupings(group_by: Iterable[EventGrouping]) -> list[history_pb.EventGrouping.ValueType]:
    return [_lookup(_GROUPINGS, name, "group_by") for name in group_by]


def new_id() -> str:
    """An id that makes a repetition recognisable."""
    return str(uuid.uuid4())


def _time(message: timestamp_pb2.Timestamp, present: bool) -> datetime | None:
    return from_timestamp(message) if present else None


def to_session(message: session_pb.Session) -> Session:
    retention: Retention | None = None
    if message.never_expires:
        retention = "never"
    elif message.HasField("retention"):
        retention = message.retention.ToTimedelta()
    return Session(
        session_id=message.session_id,
        status=_STATUSES_BACK[message.status],
        status_reason=message.status_reason,
        user_id=message.user_id,
        agent_id=message.agent_id,
        task_id=message.task_id,
        title=message.title,
        parent_session_id=message.parent_session_id,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        retention=retention,
        version=message.version,
        last_sequence=message.last_sequence,
        fork_sequence=message.fork_sequence if message.HasField("fork_sequence") else None,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        last_activity_time=from_timestamp(message.last_activity_time),
        end_time=_time(message.end_time, message.HasField("end_time")),
        expire_time=_time(message.expire_time, message.HasField("expire_time")),
    )


def to_payload_message(payload: Payload, path: str) -> payload_pb2.Payload:
    if isinstance(payload, Json):
        return build(f"{path}.", payload_pb2.Payload, json=payload.text, media_type=payload.media_type)
    return build(f"{path}.", payload_pb2.Payload, data=payload.value, media_type=payload.media_type)


def from_payload_message(message: payload_pb2.Payload) -> Payload:
    if message.WhichOneof("body") == "data":
        return Data(message.data, message.media_type)
    return Json(message.json, message.media_type)


def to_write(write: StateWrite, path: str) -> tuple[session_pb.StateWrite, Payload]:
    """The message, and the payload in it."""
    payload = to_payload(write.value, f"{path}value")
    message = build(
        path,
        session_pb.StateWrite,
        key=write.key,
        payload=to_payload_message(payload, f"{path}value"),
        metadata=to_struct(write.metadata, f"{path}metadata"),
        run_id=write.run_id,
        expected_version=write.expected_version,
    )
    return message, payload


def to_state(message: session_pb.State, payload: Payload | None = None) -> State:
    """The state; with `payload` where the answer leaves out what was just sent."""
    if payload is None and message.HasField("payload"):
        payload = from_payload_message(message.payload)
    return State(
        session_id=message.session_id,
        key=message.key,
        version=message.version,
        payload=payload,
        metadata=from_struct(message.metadata),
        run_id=message.run_id,
        session_sequence=message.session_sequence,
        create_time=from_timestamp(message.create_time),
    )


def to_event_messages(events: Event | Iterable[Event]) -> list[history_pb.Event]:
    sequence = [events] if isinstance(events, Event) else events
    return [_to_event_message(event, f"events[{index}].") for index, event in enumerate(sequence)]


def _to_event_message(event: Event, path: str) -> history_pb.Event:
    body = event.body
    return build(
        path,
        history_pb.Event,
        event_id=event.event_id or new_id(),
        type=event.type,
        actor=event.actor,
        run_id=event.run_id,
        task_id=event.task_id,
        message=_to_message(body, f"{path}message.") if isinstance(body, Message) else None,
        step=(
            build(
                f"{path}step.",
                history_pb.Step,
                thought=body.thought,
                action=body.action,
                observation=body.observation,
                step_id=body.step_id,
            )
            if isinstance(body, Step)
            else None
        ),
        payload=to_payload_message(body, f"{path}payload") if isinstance(body, Json | Data) else None,
        labels=event.labels,
        trace_id=event.trace_id,
        event_time=to_timestamp(event.event_time, f"{path}event_time"),
    )


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
        event_time=_time(message.event_time, message.HasField("event_time")),
        create_time=_time(message.create_time, message.HasField("create_time")),
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
    return tuple(
        EventReceipt(receipt.event_id, receipt.sequence, from_timestamp(receipt.create_time))
        for receipt in messages
    )


def to_summary(message: history_pb.EventSummary) -> EventSummary:
    return EventSummary(
        type=message.type,
        actor=message.actor,
        bucket_time=_time(message.bucket_time, message.HasField("bucket_time")),
        count=message.count,
        first_event_time=_time(message.first_event_time, message.HasField("first_event_time")),
        last_event_time=_time(message.last_event_time, message.HasField("last_event_time")),
    )
