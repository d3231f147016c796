"""Sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from holdfastdb._arguments import refused
from holdfastdb._convert.enums import from_enum
from holdfastdb._convert.structs import from_struct
from holdfastdb._convert.times import (
    from_optional_duration,
    from_optional_timestamp,
    from_timestamp,
    to_duration,
)
from holdfastdb.types.sessions import Retention, Session, SessionStatus
from holdfastdb.v1 import session_service_pb2 as pb


def to_retention(retention: Retention | None) -> dict[str, Any]:
    """The fields of a session that say when it expires; none for None."""
    match retention:
        case None:
            return {}
        case "never":
            return {"never_expires": True}
        case timedelta():
            return {"retention": to_duration(retention, "retention")}
        case _:
            raise refused("retention", 'a timedelta or "never"')


def from_session(message: pb.Session) -> Session:
    retention = from_optional_duration(message, "retention")
    return Session(
        session_id=message.session_id,
        status=from_enum(SessionStatus, pb.SessionStatus, message.status),
        status_reason=message.status_reason,
        user_id=message.user_id,
        agent_id=message.agent_id,
        task_id=message.task_id,
        title=message.title,
        parent_session_id=message.parent_session_id,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        retention="never" if message.never_expires else retention,
        version=message.version,
        last_sequence=message.last_sequence,
        fork_sequence=message.fork_sequence if message.HasField("fork_sequence") else None,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        last_activity_time=from_timestamp(message.last_activity_time),
        end_time=from_optional_timestamp(message, "end_time"),
        expire_time=from_optional_timestamp(message, "expire_time"),
    )
