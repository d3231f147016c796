"""Approvals."""

from __future__ import annotations

from holdfastdb._convert.enums import from_enum
from holdfastdb._convert.payloads import from_optional_payload
from holdfastdb._convert.times import from_optional_duration, from_optional_timestamp, from_timestamp
from holdfastdb.types.approvals import Approval, ApprovalStatus
from holdfastdb.v1 import approval_service_pb2 as pb


def from_approval(message: pb.Approval) -> Approval:
    return Approval(
        approval_id=message.approval_id,
        session_id=message.session_id,
        task_id=message.task_id,
        run_id=message.run_id,
        status=from_enum(ApprovalStatus, pb.ApprovalStatus, message.status),
        title=message.title,
        payload=from_optional_payload(message, "payload"),
        requested_by=message.requested_by,
        approver=message.approver,
        labels=dict(message.labels),
        trace_id=message.trace_id,
        ttl=from_optional_duration(message, "ttl"),
        decided_by=message.decided_by,
        reason=message.reason,
        response=from_optional_payload(message, "response"),
        create_time=from_timestamp(message.create_time),
        expire_time=from_optional_timestamp(message, "expire_time"),
        end_time=from_optional_timestamp(message, "end_time"),
    )
