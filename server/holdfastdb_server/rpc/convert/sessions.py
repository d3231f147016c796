"""Sessions between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    Retention,
    Session,
    SessionChange,
    SessionDraft,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.values import check_metadata_filter
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_duration,
    read_mask,
    read_optional_count,
    read_optional_time,
    read_struct,
    write_duration,
    write_struct,
    write_texts,
    write_time,
)

ResponseT = TypeVar(
    "ResponseT",
    pb.CreateSessionResponse,
    pb.GetSessionResponse,
    pb.UpdateSessionResponse,
    pb.TransitionSessionResponse,
    pb.ForkSessionResponse,
)

_NUMBERS = {status: pb.SessionStatus.Value(f"SESSION_STATUS_{status.name}") for status in SessionStatus}
_STATUSES: dict[int, SessionStatus] = {number: status for status, number in _NUMBERS.items()}

_MASK_PATHS = {
    "user_id": "user_id",
    "agent_id": "agent_id",
    "task_id": "task_id",
    "title": "title",
    "labels": "labels",
    "metadata": "metadata",
    "retention": "retention",
    "never_expires": "retention",
}


def read_draft(request: pb.CreateSessionRequest) -> SessionDraft:
    """Return the session to create, with a new id if the caller chose none."""
    session = request.session
    return SessionDraft(
        session_id=session.session_id or new_id(),
        parent_session_id=session.parent_session_id,
        fields=_read_fields(session),
    ).checked()


def read_change(request: pb.UpdateSessionRequest) -> SessionChange:
    """Return the change, by mask or by merging."""
    return SessionChange(_read_fields(request.session), read_mask(request.update_mask, _MASK_PATHS)).checked()


def read_transition(request: pb.TransitionSessionRequest) -> Transition:
    """Return the move."""
    status = read_choice("status", request.status, _STATUSES)
    return Transition(status, request.reason, request.actor).checked()


def read_fork(request: pb.ForkSessionRequest) -> ForkDraft:
    """Return the copy to make, with a new id if the caller chose none."""
    return ForkDraft(
        session_id=request.new_session_id or new_id(),
        sequence=read_optional_count(request, "sequence"),
        title=request.title,
    ).checked()


def read_filter(request: pb.ListSessionsRequest) -> SessionFilter:
    """Return which sessions to list."""
    statuses = (
        read_choice(f"statuses[{index}]", number, _STATUSES) for index, number in enumerate(request.statuses)
    )
    return SessionFilter(
        statuses=tuple(dict.fromkeys(statuses)),
        user_id=request.user_id,
        agent_id=request.agent_id,
        parent_session_id=request.parent_session_id,
        task_id=request.task_id,
        labels=dict(request.labels),
        metadata=check_metadata_filter("metadata", read_struct("metadata", request.metadata)),
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
    ).checked()


def write_session(response: ResponseT, session: Session, default_retention: timedelta) -> ResponseT:
    """Return the response with its session. `default_retention` counts where that has none of its own."""
    _write_session(response.session, session, default_retention)
    return response


def write_sessions(sessions: Sequence[Session], default_retention: timedelta) -> pb.ListSessionsResponse:
    """Return a list of sessions."""
    response = pb.ListSessionsResponse()
    for session in sessions:
        _write_session(response.sessions.add(), session, default_retention)
    return response


def _write_session(target: pb.Session, session: Session, default_retention: timedelta) -> None:
    fields = session.fields
    target.session_id = session.session_id
    target.status = _NUMBERS[session.status]
    target.version = session.version
    target.last_sequence = session.last_sequence
    write_texts(target, session, ("parent_session_id", "status_reason"))
    write_texts(target, fields, ("user_id", "agent_id", "task_id", "title"))
    if fields.labels:
        target.labels.update(fields.labels)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    _write_retention(target, fields.retention)
    if session.fork_sequence is not None:
        target.fork_sequence = session.fork_sequence
    write_time(target.create_time, session.create_time)
    write_time(target.update_time, session.update_time)
    write_time(target.last_activity_time, session.last_activity_time)
    if session.end_time is not None:
        write_time(target.end_time, session.end_time)
    expire_time = session.expire_time(default_retention)
    if expire_time is not None:
        write_time(target.expire_time, expire_time)


def _read_fields(session: pb.Session) -> SessionFields:
    return SessionFields(
        user_id=session.user_id,
        agent_id=session.agent_id,
        task_id=session.task_id,
        title=session.title,
        labels=dict(session.labels),
        metadata=read_struct("session.metadata", session.metadata),
        retention=_read_retention(session),
    )


def _read_retention(session: pb.Session) -> Retention:
    if session.HasField("retention"):
        return read_duration("session.retention", session.retention)
    return "never" if session.never_expires else None


def _write_retention(target: pb.Session, retention: Retention) -> None:
    if retention == "never":
        target.never_expires = True
    elif retention is not None:
        write_duration(target.retention, retention)
