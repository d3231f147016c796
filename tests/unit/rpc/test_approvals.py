"""Approvals between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from holdfastdb.v1 import approval_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from holdfastdb_server.domain.approvals import Approval, ApprovalRequest, ApprovalStatus, Decision
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import approvals

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REQUEST = ApprovalRequest(
    approval_id="a",
    session_id="s",
    task_id="t",
    run_id="r",
    title="Pay?",
    payload=Payload(json='{"n":1.50}'),
    requested_by="coder",
    approver="ada",
    labels={"k": "v"},
    trace_id="x",
    ttl=MINUTE,
)


def _time(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def write(approval: Approval) -> pb.Approval:
    return approvals.write_approval(pb.GetApprovalResponse(), approval).approval


def test_an_approval_has_all_of_its_fields() -> None:
    decision = Decision(ApprovalStatus.REJECTED, "eve", "no", Payload(data=b"\0"))
    assert write(Approval(REQUEST, decision, NOON, NOON)) == pb.Approval(
        approval_id="a",
        session_id="s",
        task_id="t",
        run_id="r",
        status=pb.APPROVAL_STATUS_REJECTED,
        title="Pay?",
        payload=payload_pb2.Payload(json='{"n":1.50}'),
        requested_by="coder",
        approver="ada",
        labels={"k": "v"},
        trace_id="x",
        ttl=Duration(seconds=60),
        decided_by="eve",
        reason="no",
        response=payload_pb2.Payload(data=b"\0"),
        create_time=_time(NOON),
        expire_time=_time(NOON + MINUTE),
        end_time=_time(NOON),
    )


@pytest.mark.parametrize("status", ApprovalStatus)
def test_each_status_has_its_number(status: ApprovalStatus) -> None:
    written = write(Approval(ApprovalRequest("a"), Decision(status), NOON, None))
    assert pb.ApprovalStatus.Name(written.status) == f"APPROVAL_STATUS_{status.name}"
    assert not written.HasField("payload")
    assert not written.HasField("expire_time")


def test_a_question_is_read_as_it_is_written_and_its_answer_ignored() -> None:
    decision = Decision(ApprovalStatus.REJECTED, "eve", "no", Payload(json="1"))
    request = pb.RequestApprovalRequest(approval=write(Approval(REQUEST, decision, NOON, NOON)))
    assert approvals.read_approval_request(request) == REQUEST


def test_a_question_without_an_id_gets_one() -> None:
    assert UUID(approvals.read_approval_request(pb.RequestApprovalRequest()).approval_id).version == 7


@pytest.mark.parametrize(
    ("approval", "field"),
    [
        (pb.Approval(title="x" * 1_001), "approval.title"),
        (pb.Approval(approver="a\nb"), "approval.approver"),
        (pb.Approval(payload=payload_pb2.Payload(json="{")), "approval.payload.json"),
        (pb.Approval(labels={"": "v"}), "approval.labels"),
        (pb.Approval(ttl=Duration(nanos=999_999_999)), "approval.ttl"),
        (pb.Approval(ttl=Duration(seconds=36_501 * 86_400)), "approval.ttl"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(approval: pb.Approval, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        approvals.read_approval_request(pb.RequestApprovalRequest(approval=approval))
    assert refusal.value.field == field


def test_a_decision_has_all_of_its_fields() -> None:
    request = pb.DecideApprovalRequest(
        status=pb.APPROVAL_STATUS_APPROVED,
        decided_by="ada",
        reason="fine",
        response=payload_pb2.Payload(json="1"),
    )
    wanted = Decision(ApprovalStatus.APPROVED, "ada", "fine", Payload(json="1"))
    assert approvals.read_decision(request) == wanted


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.DecideApprovalRequest(decided_by="ada"), "status"),
        (pb.DecideApprovalRequest(status=pb.APPROVAL_STATUS_PENDING, decided_by="ada"), "status"),
        (pb.DecideApprovalRequest(status=pb.APPROVAL_STATUS_CANCELLED, decided_by="ada"), "status"),
        (pb.DecideApprovalRequest(status=pb.APPROVAL_STATUS_EXPIRED, decided_by="ada"), "status"),
        (pb.DecideApprovalRequest(status=pb.APPROVAL_STATUS_APPROVED), "decided_by"),
        (
            pb.DecideApprovalRequest(
                status=pb.APPROVAL_STATUS_APPROVED, decided_by="ada", reason="x" * 4_001
            ),
            "reason",
        ),
    ],
)
def test_a_bad_decision_is_refused(request_: pb.DecideApprovalRequest, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        approvals.read_decision(request_)
    assert refusal.value.field == field


def test_a_cancellation_may_be_nobodys() -> None:
    cancelled = approvals.read_cancellation(pb.CancelApprovalRequest(reason="late"))
    assert cancelled == Decision(ApprovalStatus.CANCELLED, "", "late")
    with pytest.raises(InvalidField) as refusal:
        approvals.read_cancellation(pb.CancelApprovalRequest(actor="a\nb"))
    assert refusal.value.field == "actor"


def test_a_filter_has_all_of_its_conditions() -> None:
    names: tuple[str, ...] = (
        "session_id",
        "task_id",
        "run_id",
        "requested_by",
        "approver",
        "decided_by",
        "trace_id",
    )
    request = pb.ListApprovalsRequest(
        statuses=[pb.APPROVAL_STATUS_PENDING, pb.APPROVAL_STATUS_PENDING],
        labels={"k": "v"},
        create_time_from=_time(NOON),
        create_time_until=_time(NOON + MINUTE),
        omit_payload=True,
    )
    for name in names:
        setattr(request, name, name)
    where = approvals.read_filter(request)
    assert [getattr(where, name) for name in names] == list(names)
    assert (where.statuses, where.labels) == ((ApprovalStatus.PENDING,), {"k": "v"})
    assert (where.created_from, where.created_until) == (NOON, NOON + MINUTE)
    assert where.omit_payload


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(None, 60), (Duration(), 0), (Duration(seconds=7), 7), (Duration(seconds=301), 300)],
)
def test_a_wait_is_bounded(wait: Duration | None, seconds: float) -> None:
    assert approvals.read_wait(pb.WaitApprovalRequest(wait=wait)) == seconds


def test_a_negative_wait_is_refused() -> None:
    with pytest.raises(InvalidField) as refusal:
        approvals.read_wait(pb.WaitApprovalRequest(wait=Duration(seconds=-1)))
    assert refusal.value.field == "wait"
