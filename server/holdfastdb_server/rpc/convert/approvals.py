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
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.scalars import read_optional_duration, read_optional_time, write_time

ResponseT = TypeVar(
    "ResponseT",
    pb.RequestApprovalResponse,
    pb.DecideApprovalResponse,
    pb.CancelApprovalResponse,
    pb.GetApprovalResponse,
    pb.WaitApprovalResponse,
)

_DECISIONS = (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED)


def read_approval_request(request: pb.RequestApprovalRequest) -> ApprovalRequest:
    """Return the approval request, with a new id if the request has none."""
    approval = request.approval
    approval_id = approval.approval_id or new_id()
    return read_fields(approval, ApprovalRequest, "approval.", approval_id=approval_id).checked()


def read_decision(request: pb.DecideApprovalRequest) -> Decision:
    """Return the decision."""
    decision = read_fields(request, Decision)
    if decision.status not in _DECISIONS:
        raise InvalidField("status", f"is {decision.status.name}; a decision is APPROVED or REJECTED")
    check_id("decided_by", decision.decided_by)
    return decision.checked()


def read_cancellation(request: pb.CancelApprovalRequest) -> Decision:
    """Return the decision that cancels the approval."""
    return Decision(ApprovalStatus.CANCELLED, request.actor, request.reason).checked("actor")


def read_filter(request: pb.ListApprovalsRequest) -> ApprovalFilter:
    """Return which approvals to list."""
    return read_fields(
        request,
        ApprovalFilter,
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
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
    write_fields(target, approval.request)
    write_fields(target, approval.decision)
    write_fields(target, approval)
    if approval.expire_time is not None:
        write_time(target.expire_time, approval.expire_time)
