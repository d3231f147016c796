"""Conversion between rows of sessions, events and states, and the domain's values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from holdfastdb_server.domain.events import Body, Event, EventReceipt
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
from holdfastdb_server.domain.sessions import Retention, Session, SessionFields, SessionStatus
from holdfastdb_server.domain.states import State, StateWrite
from holdfastdb_server.domain.values import Payload, utf8_size
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.write_path import bodies

NEVER = -1
_MICROSECOND = timedelta(microseconds=1)


def retention_column(retention: Retention) -> int | None:
    """Return what the column `retention` keeps."""
    if retention is None:
        return None
    return NEVER if retention == "never" else retention // _MICROSECOND


def retention_of(column: int | None) -> Retention:
    """Return the retention that the column keeps."""
    if column is None:
        return None
    return "never" if column == NEVER else timedelta(microseconds=column)


def field_columns(fields: SessionFields) -> dict[str, Any]:
    """Return the columns of what a caller says of a session."""
    return {
        "user_id": fields.user_id or None,
        "agent_id": fields.agent_id or None,
        "task_id": fields.task_id or None,
        "title": fields.title,
        "labels": dict(fields.labels),
        "metadata": fields.metadata,
        "retention": retention_column(fields.retention),
    }


def session_of(row: Any) -> Session:
    """Return the session in a whole row of `sessions`."""
    return Session(
        session_id=row.id,
        parent_session_id=row.parent_id or "",
        fields=SessionFields(
            user_id=row.user_id or "",
            agent_id=row.agent_id or "",
            task_id=row.task_id or "",
            title=row.title,
            labels=row.labels,
            metadata=row.metadata,
            retention=retention_of(row.retention),
        ),
        status=SessionStatus(row.status),
        status_reason=row.status_reason,
        version=row.version,
        last_sequence=row.last_sequence,
        fork_sequence=row.fork_sequence,
        create_time=row.create_time,
        update_time=row.update_time,
        last_activity_time=row.last_activity_time,
        end_time=row.end_time,
    )


def session_size(row: Any) -> int:
    """Return about how many bytes the session in a row has on the wire."""
    texts = utf8_size(row.title) + utf8_size(row.status_reason)
    return OVERHEAD + texts + searchable_size(row.labels) + searchable_size(row.metadata)


def state_head_size(row: Any) -> int:
    """Return about how many bytes the state in a row has on the wire without its payload."""
    return OVERHEAD + utf8_size(row.key) + searchable_size(row.metadata)


def body_size(body: Body) -> int:
    """Return about how many bytes a body has."""
    match body:
        case Payload():
            return body.size
        case Message():
            return sum(map(_part_size, body.parts)) + len(body.extra_json)
        case Step():
            return len(body.thought) + len(body.action) + len(body.observation)
        case None:
            return 0


def _part_size(part: Part) -> int:
    match part:
        case Text():
            return len(part.text)
        case ToolCall():
            return len(part.arguments)
        case ToolCallResponse():
            return len(part.response)
        case Blob():
            return len(part.data)
        case OtherPart():
            return len(part.json)


def event_row(
    key: int, sequence: int, namespace: str, event_id: str, event: Event, now: datetime | None
) -> tuple[Any, ...]:
    """Return an event as a row: the columns of `events`, in order. Without `now` it lacks the time."""
    body, data, media_type = bodies.encode(event.body)
    ids = event_id + event.type + event.actor + event.run_id + event.task_id + event.trace_id
    size = OVERHEAD + utf8_size(ids) + searchable_size(event.labels)
    size += (utf8_size(body) if body else 0) + (len(data) if data else 0)
    return (
        key,
        sequence,
        namespace,
        event_id,
        event.type,
        event.actor or None,
        event.run_id or None,
        event.task_id or None,
        event.trace_id or None,
        event.kind,
        body,
        data,
        media_type,
        event.labels,
        size,
        event.event_time or now,
        now,
    )


def event_of(row: Any, session_id: str) -> Event:
    """Return the event in a whole row of `events`."""
    return Event(
        event_id=row.event_id,
        type=row.type,
        actor=row.actor or "",
        run_id=row.run_id or "",
        task_id=row.task_id or "",
        body=bodies.decode(row.kind, row.body, row.data, row.media_type),
        labels=row.labels,
        trace_id=row.trace_id or "",
        event_time=row.event_time,
        session_id=session_id,
        sequence=row.sequence,
        create_time=row.create_time,
    )


def receipt_of(event: Event) -> EventReceipt:
    """Return the receipt of a stored event."""
    assert event.create_time is not None
    return EventReceipt(event.event_id, event.sequence, event.create_time)


def version_row(
    key: int,
    namespace: str,
    write: StateWrite,
    version: int,
    session_sequence: int | None,
    now: datetime | None,
) -> tuple[Any, ...]:
    """Return a version of a state as a row: the columns of `state_versions`, in order.

    None stands for a sequence or a time that the statement computes.
    """
    payload = write.payload
    size = OVERHEAD + utf8_size(write.key) + searchable_size(write.metadata)
    size += utf8_size(payload.json) if payload.json is not None else len(payload.data or b"")
    return (
        key,
        write.key,
        version,
        namespace,
        payload.json,
        payload.data,
        payload.media_type,
        write.metadata,
        write.run_id or None,
        session_sequence,
        size,
        now,
    )


def state_of(row: Any, *, omit_payload: bool = False) -> State:
    """Return the state in a row of `state_versions`."""
    payload = None
    if not omit_payload:
        payload = Payload(row.body, None if row.data is None else bytes(row.data), row.media_type)
    return State(
        key=row.key,
        version=row.version,
        payload=payload,
        metadata=row.metadata,
        run_id=row.run_id or "",
        session_sequence=row.session_sequence,
        create_time=row.create_time,
    )


def saved_states(
    writes: Sequence[StateWrite], versions: Sequence[int], session_sequence: int, now: datetime
) -> list[State]:
    """Return what a save made, without payloads."""
    return [
        State(write.key, version, None, write.metadata, write.run_id, session_sequence, now)
        for write, version in zip(writes, versions, strict=True)
    ]
