"""Between rows and approvals."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import timedelta
from operator import eq, ge, lt
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.approvals import (
    Approval,
    ApprovalRequest,
    ApprovalStatus,
    Decision,
)
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, OneOf, OwnedBy
from holdfastdb_server.storage.query.payloads import payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import approvals

_MICROSECOND = timedelta(microseconds=1)


def request_values(approval: Approval) -> dict[str, Any]:
    """Return the columns of the request, but those of its session."""
    asked = approval.request
    return {
        "id": asked.approval_id,
        "task_id": asked.task_id or None,
        "run_id": asked.run_id or None,
        "requested_by": asked.requested_by or None,
        "approver": asked.approver or None,
        "trace_id": asked.trace_id or None,
        "title": asked.title,
        "labels": dict(asked.labels),
        "ttl": None if asked.ttl is None else asked.ttl // _MICROSECOND,
        "create_time": approval.create_time,
        "expire_time": approval.expire_time,
        **payload_values("payload", asked.payload),
    }


def decision_values(approval: Approval) -> dict[str, Any]:
    """Return the columns of the decision, which are written at the request and at the decision."""
    decision = approval.decision
    return {
        "status": decision.status,
        "decided_by": decision.decided_by or None,
        "reason": decision.reason,
        "end_time": approval.end_time,
        "size": _size(approval) + payload_bytes(approval.request.payload) + payload_bytes(decision.response),
        **payload_values("response", decision.response),
    }


def approval_of(row: Any) -> Approval:
    """Return the approval in a whole row of `approvals`."""
    return Approval(
        request=ApprovalRequest(
            approval_id=row.id,
            session_id=row.session_id or "",
            task_id=row.task_id or "",
            run_id=row.run_id or "",
            title=row.title,
            payload=payload_of(row, "payload"),
            requested_by=row.requested_by or "",
            approver=row.approver or "",
            labels=row.labels,
            trace_id=row.trace_id or "",
            ttl=None if row.ttl is None else timedelta(microseconds=row.ttl),
        ),
        decision=Decision(
            status=ApprovalStatus(row.status),
            decided_by=row.decided_by or "",
            reason=row.reason,
            response=payload_of(row, "response"),
        ),
        create_time=row.create_time,
        end_time=row.end_time,
    )


def head_size(row: Any) -> int:
    """Return about how many bytes the approval in a row has on the wire without its payloads."""
    return _size(approval_of(row))


def _size(approval: Approval) -> int:
    asked, decision = approval.request, approval.decision
    texts = (
        asked.approval_id,
        asked.session_id,
        asked.task_id,
        asked.run_id,
        asked.title,
        asked.requested_by,
        asked.approver,
        asked.trace_id,
        decision.decided_by,
        decision.reason,
    )
    return OVERHEAD + sum(map(utf8_size, texts)) + searchable_size(asked.labels)


def approval_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of an ApprovalFilter stand for, at the time of the parameter `now`."""
    return Conditions(
        dialect,
        {
            "statuses": _HasStatus(),
            "session_id": OwnedBy(approvals),
            "task_id": Compares(approvals.c.task_id, eq),
            "run_id": Compares(approvals.c.run_id, eq),
            "requested_by": Compares(approvals.c.requested_by, eq),
            "approver": Compares(approvals.c.approver, eq),
            "decided_by": Compares(approvals.c.decided_by, eq),
            "trace_id": Compares(approvals.c.trace_id, eq),
            "labels": HasMembers(approvals.c.labels),
            "created_from": Compares(approvals.c.create_time, ge),
            "created_until": Compares(approvals.c.create_time, lt),
        },
    )


class _HasStatus:
    """Whether an approval has one of the statuses: EXPIRED too where that is not written yet."""

    def shape(self, value: Sequence[ApprovalStatus]) -> Hashable:
        return (ApprovalStatus.PENDING in value, ApprovalStatus.EXPIRED in value)

    def build(self, dialect: Dialect, name: str, shape: tuple[bool, bool]) -> sa.ColumnElement[bool]:
        is_stored = OneOf(approvals.c.status).build(dialect, name, ())
        wants_pending, wants_expired = shape
        if wants_pending == wants_expired:
            return is_stored
        now = sa.bindparam("now", type_=Micros)
        lives = sa.or_(approvals.c.expire_time.is_(None), approvals.c.expire_time > now)
        not_pending = approvals.c.status != ApprovalStatus.PENDING
        return sa.and_(is_stored, sa.or_(not_pending, lives if wants_pending else ~lives))

    def params(self, dialect: Dialect, name: str, value: Sequence[ApprovalStatus]) -> Mapping[str, Any]:
        stored = {*value, ApprovalStatus.PENDING} if ApprovalStatus.EXPIRED in value else value
        return OneOf(approvals.c.status).params(dialect, name, sorted(stored))
