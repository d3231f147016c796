"""Between the contract's messages and the client's dataclasses: approvals."""

from __future__ import annotations

from holdfastdb._convert.sessions import from_payload_message, lookup, to_time
from holdfastdb._convert.values import from_timestamp
from holdfastdb.types.approvals import Approval, ApprovalStatus
from holdfastdb.v1 import approval_service_pb2 as pb

_STATUSES = {status: pb.ApprovalStatus.Value(f"APPROVAL_STATUS_{status.name}") for status in ApprovalStatus}
_STATUSES_BACK = {number: status for status, number in _STATUSES.items()}


def to_approval_status(status: ApprovalStatus, path: str = "status") -> pb.ApprovalStatus.ValueType:
    return lookup(_STATUSES, status, path)


def from_approval(message: pb.Approval) -> Approval:
    return Approval(
        approval_id=message.approval_id,
        session_id=message.session_id,
        task_id=message.task_id,
        run_id=message.run_id,
        status=_STATUSES_BACK[message.status],
        title=message.title,
        payload=from_payload_message(message.payload) if message.HasField("payload") else None,
        requested_by=message.requested_by,
        approver=message.approver,
        labels=dict(message.labels),
        trace_id=message.trace_id,
        ttl=message.ttl.ToTimedelta() if message.HasField("ttl") else None,
        decided_by=message.decided_by,
        reason=message.reason,
        response=from_payload_message(message.response) if message.HasField("response") else None,
        create_time=from_timestamp(message.create_time),
        expire_time=to_time(message.expire_time, message.HasField("expire_time")),
        end_time=to_time(message.end_time, message.HasField("end_time")),
    )
