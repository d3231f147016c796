"""Approvals between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import approval_service_pb2 as pb
from holdfastdb_server.domain import limits
from holdfastdb_server.domain.approvals import (
    Approval,
    ApprovalFilter,
    ApprovalRequest,
    ApprovalStatus,
    Decision,
)
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import check_id, new_id
from holdfastdb_server.domain.values import check_wait
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_optional_duration,
    read_optional_payload,
    read_optional_time,
    write_duration,
    write_payload,
    write_time,
)

ResponseT = TypeVar(
    "ResponseT",
    pb.RequestApprovalResponse,
    pb.DecideApprovalResponse,
    pb.CancelApprovalResponse,
    pb.GetApprovalResponse,
    pb.WaitApprovalResponse,
)

_NUMBERS = {status: pb.ApprovalStatus.Value(f"APPROVAL_STATUS_{status.name}") for status in ApprovalStatus}
_STATUSES: dict[int, ApprovalStatus] = {number: status for status, number in _NUMBERS.items()}
_DECISIONS = (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED)


def read_approval_request(request: pb.RequestApprovalRequest) -> ApprovalRequest:
    """Return what is asked, with a new id if the caller chose none."""
    approval = request.approval
    return ApprovalRequest(
        approval_id=approval.approval_id or new_id(),
        session_id=approval.session_id,
        task_id=approval.task_id,
        run_id=approval.run_id,
        title=approval.title,
        payload=read_optional_payload(approval, "payload"),
        requested_by=approval.requested_by,
        approver=approval.approver,
        labels=dict(approval.labels),
        trace_id=approval.trace_id,
        ttl=read_optional_duration(approval, "ttl", "approval."),
    ).checked()


def read_decision(request: pb.DecideApprovalRequest) -> Decision:
    """Return the yes or no."""
    status = read_choice("status", request.status, _STATUSES)
    if status not in _DECISIONS:
        raise InvalidField("status", f"is {status.name}; a decision is APPROVED or REJECTED")
    decided_by = check_id("decided_by", request.decided_by)
    return Decision(status, decided_by, request.reason, read_optional_payload(request, "response")).checked()


def read_cancellation(request: pb.CancelApprovalRequest) -> Decision:
    """Return who takes the question back and why."""
    return Decision(ApprovalStatus.CANCELLED, request.actor, request.reason).checked("actor")


def read_filter(request: pb.ListApprovalsRequest) -> ApprovalFilter:
    """Return which approvals to list."""
    statuses = (
        read_choice(f"statuses[{index}]", number, _STATUSES) for index, number in enumerate(request.statuses)
    )
    return ApprovalFilter(
        statuses=tuple(dict.fromkeys(statuses)),
        session_id=request.session_id,
        task_id=request.task_id,
        run_id=request.run_id,
        requested_by=request.requested_by,
        approver=request.approver,
        decided_by=request.decided_by,
        trace_id=request.trace_id,
        labels=dict(request.labels),
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
        omit_payload=request.omit_payload,
    ).checked()


def read_wait(request: pb.WaitApprovalRequest) -> float:
    """Return how many seconds to wait."""
    wait = read_optional_duration(request, "wait")
    return check_wait(limits.APPROVAL_WAIT if wait is None else wait).total_seconds()


def write_approval(response: ResponseT, approval: Approval) -> ResponseT:
    """Return the response with its approval."""
    _write_approval(response.approval, approval)
    return response


def write_approvals(approvals: Sequence[Approval]) -> pb.ListApprovalsResponse:
    """Return a list of approvals."""
    response = pb.ListApprovalsResponse()
    for approval in approvals:
        _write_approval(response.approvals.add(), approval)
    return response


def _write_approval(target: pb.Approval, approval: Approval) -> None:
    asked, decision = approval.request, approval.decision
    target.approval_id = asked.approval_id
    target.session_id = asked.session_id
    target.task_id = asked.task_id
    target.run_id = asked.run_id
    target.status = _NUMBERS[decision.status]
    target.title = asked.title
    if asked.payload is not None:
        target.payload.SetInParent()
        write_payload(target.payload, asked.payload)
    target.requested_by = asked.requested_by
    target.approver = asked.approver
    if asked.labels:
        target.labels.update(asked.labels)
    target.trace_id = asked.trace_id
    if asked.ttl is not None:
        write_duration(target.ttl, asked.ttl)
    target.decided_by = decision.decided_by
    target.reason = decision.reason
    if decision.response is not None:
        target.response.SetInParent()
        write_payload(target.response, decision.response)
    write_time(target.create_time, approval.create_time)
    if approval.expire_time is not None:
        write_time(target.expire_time, approval.expire_time)
    if approval.end_time is not None:
        write_time(target.end_time, approval.end_time)
