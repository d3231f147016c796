"""Between rows and approvals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.approvals import (
    Approval,
    ApprovalFilter,
    ApprovalRequest,
    ApprovalStatus,
    Decision,
)
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.query.filters import owned_by
from holdfastdb_server.storage.query.payloads import payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import approvals

_MICROSECOND = timedelta(microseconds=1)


def request_values(approval: Approval) -> dict[str, Any]:
    """Return the columns of the question, but those of its session."""
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
    """Return the columns of the answer, which are written once more."""
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


def approval_conditions(
    dialect: Dialect, namespace: str, where: ApprovalFilter
) -> Sequence[sa.ColumnElement[bool]]:
    """Return the conditions that an approval must meet, all of them, at the time of the parameter `now`."""
    conditions = [approvals.c.namespace == namespace, *_status_conditions(set(where.statuses))]
    if where.session_id:
        conditions.append(owned_by(approvals, namespace, where.session_id))
    for column, value in (
        (approvals.c.task_id, where.task_id),
        (approvals.c.run_id, where.run_id),
        (approvals.c.requested_by, where.requested_by),
        (approvals.c.approver, where.approver),
        (approvals.c.decided_by, where.decided_by),
        (approvals.c.trace_id, where.trace_id),
    ):
        if value:
            conditions.append(column == value)
    if where.labels:
        conditions.append(dialect.contains(approvals.c.labels, where.labels))
    if where.created_from is not None:
        conditions.append(approvals.c.create_time >= where.created_from)
    if where.created_until is not None:
        conditions.append(approvals.c.create_time < where.created_until)
    return conditions


def _status_conditions(wanted: set[ApprovalStatus]) -> list[sa.ColumnElement[bool]]:
    """Count those whose time is up as expired, also where that is not written down yet."""
    if not wanted:
        return []
    pending, expired = ApprovalStatus.PENDING, ApprovalStatus.EXPIRED
    stored = wanted | {pending} if expired in wanted else wanted
    conditions: list[sa.ColumnElement[bool]] = [approvals.c.status.in_(sorted(stored))]
    if (pending in wanted) != (expired in wanted):
        now = sa.bindparam("now", type_=Micros)
        lives = sa.or_(approvals.c.expire_time.is_(None), approvals.c.expire_time > now)
        conditions.append(sa.or_(approvals.c.status != pending, lives if pending in wanted else ~lives))
    return conditions
