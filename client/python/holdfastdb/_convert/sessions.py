"""Between the contract's messages and the client's dataclasses: sessions, states, and what all share.

`convert_events` does the same for events. Nothing else here knows both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from google.protobuf import timestamp_pb2

from holdfastdb._convert.values import (
    build,
    fill,
    from_struct,
    from_timestamp,
    to_duration,
    to_struct,
)
from holdfastdb.errors import refused
from holdfastdb.types._encoding import to_payload
from holdfastdb.types.payloads import Data, Json, Payload
from holdfastdb.types.sessions import Order, Retention, Session, SessionStatus, State, StateWrite
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import session_service_pb2 as session_pb

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
_ORDERS: dict[Order | None, payload_pb2.SortOrder.ValueType] = {
    None: payload_pb2.SORT_ORDER_UNSPECIFIED,
    "ascending": payload_pb2.SORT_ORDER_ASCENDING,
    "descending": payload_pb2.SORT_ORDER_DESCENDING,
}


def lookup(table: Mapping[K, V], key: K, path: str) -> V:
    try:
        return table[key]
    except (KeyError, TypeError):
        known = ", ".join(str(name) for name in table if name is not None)
        raise refused(path, f"{key!r} is not one of {known}") from None


def to_status(status: SessionStatus, path: str = "status") -> session_pb.SessionStatus.ValueType:
    return lookup(_STATUSES, status, path)


def to_order(order: Order | None) -> payload_pb2.SortOrder.ValueType:
    return lookup(_ORDERS, order, "order")


def to_time(message: timestamp_pb2.Timestamp, present: bool) -> datetime | None:
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
        end_time=to_time(message.end_time, message.HasField("end_time")),
        expire_time=to_time(message.expire_time, message.HasField("expire_time")),
    )


def set_retention(message: session_pb.Session, retention: Retention | None) -> None:
    """Write the expiry of a session."""
    match retention:
        case None:
            pass
        case "never":
            message.never_expires = True
        case timedelta():
            message.retention.CopyFrom(to_duration(retention))
        case _:
            raise refused("retention", 'a timedelta or "never"')


def retention_paths(retention: Retention | Literal["default"] | None) -> tuple[str, ...]:
    """The update mask's paths for a retention that is given."""
    match retention:
        case None:
            return ()
        case "never":
            return ("never_expires",)
        case "default":
            return ("retention", "never_expires")
        case _:
            return ("retention",)


def to_payload_message(payload: Payload, path: str) -> payload_pb2.Payload:
    message = payload_pb2.Payload()
    write_payload(message, payload, f"{path}.")
    return message


def write_payload(target: payload_pb2.Payload, payload: Payload, path: str) -> None:
    if isinstance(payload, Json):
        fill(path, target, json=payload.text)
    else:
        fill(path, target, data=payload.value)
    if payload.media_type:
        fill(path, target, media_type=payload.media_type)


def to_optional_payload(value: object, path: str) -> payload_pb2.Payload | None:
    """The message of any JSON value, bytes, `Json` or `Data`; None for None."""
    return None if value is None else to_payload_message(to_payload(value, path), path)


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
