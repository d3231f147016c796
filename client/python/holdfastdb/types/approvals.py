"""What the calls for approvals take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfastdb.types.payloads import Payload


class ApprovalStatus(StrEnum):
    """The status of an approval. PENDING becomes one of the others, once."""

    PENDING = "pending"
    """Waits for a decision."""
    APPROVED = "approved"
    """Approved. Final."""
    REJECTED = "rejected"
    """Rejected. Final."""
    CANCELLED = "cancelled"
    """Withdrawn by a caller. Final."""
    EXPIRED = "expired"
    """Its time to live ended without a decision. Final."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""

    @property
    def is_final(self) -> bool:
        """Whether an approval with this status no longer waits for a decision. True for UNRECOGNIZED."""
        return self is not ApprovalStatus.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A request for approval, and the decision on it."""

    approval_id: str
    session_id: str
    """The session that it belongs to, and with which it is deleted; empty for none."""
    task_id: str
    run_id: str
    status: ApprovalStatus
    title: str
    """What is to be decided, as a text of one line for people."""
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
    """When it expires without a decision."""
    end_time: datetime | None
    """When it was decided or cancelled, or expired."""

    @property
    def is_approved(self) -> bool:
        """Whether it was approved."""
        return self.status is ApprovalStatus.APPROVED
