"""What the calls for sessions take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

Retention: TypeAlias = timedelta | Literal["never"]
"""How long a session may be inactive before it expires, or "never"."""


class SessionStatus(StrEnum):
    """The status of a session. PENDING becomes ACTIVE or EXPIRED; ACTIVE becomes COMPLETED, FAILED or
    EXPIRED."""

    PENDING = "pending"
    """Created, not begun."""
    ACTIVE = "active"
    """An agent is at work."""
    COMPLETED = "completed"
    """Ended well. Final."""
    FAILED = "failed"
    """Ended badly. Final."""
    EXPIRED = "expired"
    """Ended by its retention, or on request. Final. Nothing is deleted by it."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""

    @property
    def is_final(self) -> bool:
        """Whether a session with this status has ended. False for UNRECOGNIZED."""
        return self in (SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One agent's conversation or piece of work."""

    session_id: str
    status: SessionStatus
    status_reason: str
    """The `reason` of the last transition."""
    user_id: str
    agent_id: str
    task_id: str
    title: str
    parent_session_id: str
    """The session that this one belongs to or was forked from. It may have been deleted since."""
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    retention: Retention | None
    """How long the session may be inactive before it expires. None: the server's default."""
    version: int
    """Rises by one with each change of the session's own fields, from 1."""
    last_sequence: int
    """The greatest sequence given to an event so far."""
    fork_sequence: int | None
    """For a fork: the sequence up to which it was copied."""
    create_time: datetime
    update_time: datetime
    """When a field of the session was last changed."""
    last_activity_time: datetime
    """When it was last changed, appended to or saved to."""
    end_time: datetime | None
    """When it reached its final status."""
    expire_time: datetime | None
    """When it expires unless it is changed, appended to or saved to before."""
