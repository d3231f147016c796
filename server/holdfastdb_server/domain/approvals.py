"""Approvals: requests that a person or an agent approves or rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import ApprovalAlreadyDecided
from holdfastdb_server.domain.events import Event, status_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_id, check_optional_ids
from holdfastdb_server.domain.values import (
    Payload,
    check_labels,
    check_optional_payload,
    check_payloads_fit,
    check_text,
    check_ttl,
)


class ApprovalStatus(StrEnum):
    """The status of an approval."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether the life cycle allows no change from it."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[ApprovalStatus, frozenset[ApprovalStatus]] = {
    ApprovalStatus.PENDING: frozenset(ApprovalStatus) - {ApprovalStatus.PENDING},
    ApprovalStatus.APPROVED: frozenset(),
    ApprovalStatus.REJECTED: frozenset(),
    ApprovalStatus.CANCELLED: frozenset(),
    ApprovalStatus.EXPIRED: frozenset(),
}


class ApprovalRequest(Struct, frozen=True):
    """A request for approval. `approval_id` is set: the caller's, or a new one. `ttl` None: no expiry."""

    approval_id: str
    session_id: str = ""
    task_id: str = ""
    run_id: str = ""
    title: str = ""
    payload: Payload | None = None
    requested_by: str = ""
    approver: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    trace_id: str = ""
    ttl: timedelta | None = None

    def checked(self) -> ApprovalRequest:
        """Return the request, checked and normalized. Raises InvalidField."""
        check_id("approval.approval_id", self.approval_id)
        ids = ("session_id", "task_id", "run_id", "requested_by", "approver", "trace_id")
        check_optional_ids("approval.", self, ids)
        check_text("approval.title", self.title, limits.TITLE_LENGTH)
        check_optional_payload("approval.payload", self.payload)
        check_ttl("approval.ttl", self.ttl)
        check_labels("approval.labels", self.labels)
        return self

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the request without its id."""
        return fingerprint_of(replace(self, approval_id=""))


class Decision(Struct, frozen=True):
    """The decision on an approval: its status, who decided and why. PENDING: not decided yet."""

    status: ApprovalStatus = ApprovalStatus.PENDING
    decided_by: str = ""
    reason: str = ""
    response: Payload | None = None

    # `decider` is the field of the request that `decided_by` was read from.
    def checked(self, decider: str = "decided_by") -> Decision:
        """Return the decision, checked and normalized. Raises InvalidField."""
        check_optional_id(decider, self.decided_by)
        check_text("reason", self.reason, limits.REASON_LENGTH)
        check_optional_payload("response", self.response)
        return self

    def fingerprint(self, approval_id: str) -> bytes:
        """Return the fingerprint of this decision on this approval."""
        return fingerprint_of("decide approval", approval_id, self)


class Approval(Struct, frozen=True):
    """An approval as it is stored. Times are aware, in UTC."""

    request: ApprovalRequest
    decision: Decision
    create_time: datetime
    end_time: datetime | None

    @property
    def status(self) -> ApprovalStatus:
        """The status of its decision."""
        return self.decision.status

    @property
    def expire_time(self) -> datetime | None:
        """When it expires if it is still pending; None: never."""
        return None if self.request.ttl is None else self.create_time + self.request.ttl

    def is_due(self, now: datetime) -> bool:
        """Whether it has expired and its expiry is not stored yet."""
        return not self.status.is_final and self.expire_time is not None and self.expire_time <= now

    def decided(self, decision: Decision, now: datetime) -> Approval:
        """Return it with this decision. Raises ApprovalAlreadyDecided, LimitExceeded."""
        if decision.status not in TRANSITIONS[self.status]:
            raise ApprovalAlreadyDecided(self.request.approval_id, self.status.name)
        check_payloads_fit("bytes of payload and response", self.request.payload, decision.response)
        return replace(self, decision=decision, end_time=now)

    def expired(self) -> Approval:
        """Return it with the status EXPIRED and its expiry as its end."""
        return replace(self, decision=Decision(ApprovalStatus.EXPIRED), end_time=self.expire_time)

    def event(self) -> Event:
        """Return the event of its present status."""
        request, decision, status = self.request, self.decision, self.decision.status
        if status.is_final:
            before, actor, details = ApprovalStatus.PENDING, decision.decided_by, {"reason": decision.reason}
        else:
            details = {"title": request.title, "approver": request.approver}
            before, actor = None, request.requested_by
        return replace(
            status_event("approval", before, status, actor, **details),
            task_id=request.task_id,
            run_id=request.run_id,
            trace_id=request.trace_id,
            labels={"approval_id": request.approval_id},
            event_time=self.end_time,
        )


class ApprovalFilter(Struct, frozen=True):
    """A condition on approvals: all that is given must match. Times are aware; `…_until` is exclusive."""

    statuses: Sequence[ApprovalStatus] = ()
    session_id: str = ""
    task_id: str = ""
    run_id: str = ""
    requested_by: str = ""
    approver: str = ""
    decided_by: str = ""
    trace_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None
    omit_payload: bool = False

    def checked(self) -> ApprovalFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        ids = ("session_id", "task_id", "run_id", "requested_by", "approver", "decided_by", "trace_id")
        check_optional_ids("", self, ids)
        check_labels("labels", self.labels)
        return self
