"""What the calls for approvals take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfastdb.types.payloads import Payload


class ApprovalStatus(StrEnum):
    """Where an approval stands in its life: PENDING to any other, once."""

    PENDING = "pending"
    """Waits for a decision."""
    APPROVED = "approved"
    """Yes. Final."""
    REJECTED = "rejected"
    """No. Final."""
    CANCELLED = "cancelled"
    """Taken back. Final."""
    EXPIRED = "expired"
    """Nobody decided in time. Final."""
    UNRECOGNIZED = "unrecognized"
    """One that only a newer version of this package knows. Never sent."""

    @property
    def is_final(self) -> bool:
        """Whether an approval with this status is no longer waiting."""
        return self is not ApprovalStatus.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A question that is answered yes or no."""

    approval_id: str
    session_id: str
    """The session that it belongs to, and with which it is deleted; empty for none."""
    task_id: str
    run_id: str
    status: ApprovalStatus
    title: str
    """The question, in a line for people."""
    payload: Payload | None
    """What is to be approved. None where there is none, or the list was asked to leave it out."""
    requested_by: str
    approver: str
    """The role, agent or person that is asked. Anyone may decide."""
    labels: Mapping[str, str]
    trace_id: str
    ttl: timedelta | None
    """How long it waits for a decision. None: for ever."""
    decided_by: str
    reason: str
    response: Payload | None
    """What came with the decision. None as for `payload`."""
    create_time: datetime
    expire_time: datetime | None
    """When it expires if nobody decides."""
    end_time: datetime | None
    """When it was decided or cancelled, or expired."""

    @property
    def is_approved(self) -> bool:
        """Whether the answer is yes."""
        return self.status is ApprovalStatus.APPROVED
