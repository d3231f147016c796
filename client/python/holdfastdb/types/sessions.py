"""What calls take and return, apart from events: plain frozen dataclasses.

Times are timezone-aware datetimes in UTC, to the microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from holdfastdb.types.payloads import Data, Json, Payload

Order: TypeAlias = Literal["ascending", "descending"]
Retention: TypeAlias = timedelta | Literal["never"]


class SessionStatus(StrEnum):
    """Where a session stands in its life: PENDING to ACTIVE or EXPIRED; ACTIVE to COMPLETED, FAILED or
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

    @property
    def is_final(self) -> bool:
        """Whether a session with this status has ended."""
        return self not in (SessionStatus.PENDING, SessionStatus.ACTIVE)


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
    """How long the session may rest before it expires. None: the server's default."""
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
    """When it will expire if it rests until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One version of a keyed state."""

    session_id: str
    key: str
    version: int
    """Rises by one with each save of the key, from 1."""
    payload: Payload | None
    """None where the list was asked to leave it out."""
    metadata: Mapping[str, Any]
    """As saved with this version; numbers are floats."""
    run_id: str
    """The run that saved it, if it said so."""
    session_sequence: int
    """The session's last sequence when this version was saved."""
    create_time: datetime

    @property
    def value(self) -> Any:
        """The JSON value or the bytes that were saved. Raises ValueError if the payload was left out."""
        if self.payload is None:
            raise ValueError(f"the payload of state {self.key!r} was left out of the list")
        return self.payload.value

    @property
    def json_text(self) -> str | None:
        """The JSON text exactly as it was saved; None for bytes."""
        return self.payload.text if isinstance(self.payload, Json) else None

    @property
    def data(self) -> bytes | None:
        """The bytes that were saved; None for JSON."""
        return self.payload.value if isinstance(self.payload, Data) else None


@dataclass(frozen=True, slots=True)
class StateWrite:
    """What to save under one key: see `states.save_many`."""

    key: str
    value: object
    """Any JSON value, bytes, `Json` or `Data`."""
    metadata: Mapping[str, object] | None = field(default=None, kw_only=True)
    run_id: str = field(default="", kw_only=True)
    expected_version: int | None = field(default=None, kw_only=True)
    """The version that the caller has seen; 0: the key must not exist."""


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """What became of an appended event."""

    event_id: str
    sequence: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What an append did: a receipt for each event, in their order."""

    receipts: tuple[EventReceipt, ...]
    last_sequence: int
    """The session's last sequence after the append."""


@dataclass(frozen=True, slots=True)
class ReplaceResult:
    """What replace, clear, pop or rewind did."""

    removed_count: int
    receipts: tuple[EventReceipt, ...]
    """For the events appended, in their order."""
    last_sequence: int
    """The session's last sequence afterwards."""


EventGrouping: TypeAlias = Literal["type", "actor", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """One group of events and its count. Fields that were not asked to group by are empty."""

    type: str
    actor: str
    bucket_time: datetime | None
    """The start of the time bucket."""
    count: int
    first_event_time: datetime | None
    last_event_time: datetime | None
