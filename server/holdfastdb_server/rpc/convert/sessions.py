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
    Transition,
)
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import (
    read_optional_duration,
    read_optional_time,
    write_duration,
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


def read_draft(request: pb.CreateSessionRequest) -> SessionDraft:
    """Return the session to create, with a new id if the request has none."""
    session = request.session
    fields = _read_fields(session)
    return read_fields(
        session, SessionDraft, "session.", session_id=session.session_id or new_id(), fields=fields
    ).checked()


def read_change(request: pb.UpdateSessionRequest) -> SessionChange:
    """Return the change, by the update mask or by merging."""
    allowed = (*SessionFields.__struct_fields__, "never_expires")
    replaced, merges = read_mask(request.update_mask, request.session, allowed)
    if "never_expires" in replaced:
        replaced = replaced - {"never_expires"} | {"retention"}
    return SessionChange(_read_fields(request.session), replaced, merges).checked()


def read_transition(request: pb.TransitionSessionRequest) -> Transition:
    """Return the transition."""
    return read_fields(request, Transition).checked()


def read_fork(request: pb.ForkSessionRequest) -> ForkDraft:
    """Return the copy to make, with a new id if the request has none."""
    return read_fields(request, ForkDraft, session_id=request.new_session_id or new_id()).checked()


def read_filter(request: pb.ListSessionsRequest) -> SessionFilter:
    """Return which sessions to list."""
    return read_fields(
        request,
        SessionFilter,
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
    ).checked()


def write_session(response: ResponseT, session: Session, default_retention: timedelta) -> ResponseT:
    """Return the response with its session, whose retention is `default_retention` if it has none."""
    _write_session(response.session, session, default_retention)
    return response


def write_sessions(sessions: Sequence[Session], default_retention: timedelta) -> pb.ListSessionsResponse:
    """Return a list of sessions."""
    response = pb.ListSessionsResponse()
    for session in sessions:
        _write_session(response.sessions.add(), session, default_retention)
    return response


def _write_session(target: pb.Session, session: Session, default_retention: timedelta) -> None:
    write_fields(target, session)
    write_fields(target, session.fields, "retention")
    retention = session.fields.retention
    if retention == "never":
        target.never_expires = True
    elif retention is not None:
        write_duration(target.retention, retention)
    expire_time = session.expire_time(default_retention)
    if expire_time is not None:
        write_time(target.expire_time, expire_time)


def _read_fields(session: pb.Session) -> SessionFields:
    retention: Retention = read_optional_duration(session, "retention", "session.")
    if session.never_expires:
        retention = "never"
    return read_fields(session, SessionFields, "session.", retention=retention)
