"""Approvals at a moment in time: when they are due, how they end, and the event of their status."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.approvals import (
    Approval,
    ApprovalFilter,
    ApprovalRequest,
    ApprovalStatus,
    Decision,
)
from holdfastdb_server.domain.errors import ApprovalAlreadyDecided, InvalidField, LimitExceeded
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.values import Payload

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
LARGEST = 3 * 1024 * 1024
FINAL = [status for status in ApprovalStatus if status is not ApprovalStatus.PENDING]
REQUEST = ApprovalRequest(
    "a",
    session_id="s",
    task_id="t",
    run_id="r",
    title="deploy",
    requested_by="bot",
    approver="ops",
    labels={"k": "v"},
    trace_id="x",
    ttl=MINUTE,
)


def approval(decision: Decision = Decision(), end: datetime | None = None, **fields: Any) -> Approval:  # noqa: B008
    return Approval(replace(REQUEST, **fields), decision, NOON, end)


def test_only_a_pending_approval_is_decided() -> None:
    assert {status for status in ApprovalStatus if status.is_final} == set(FINAL)
    for status in FINAL:
        decision = Decision(status, "me", "why")
        assert approval().decided(decision, NOON + MINUTE) == approval(decision, NOON + MINUTE)
        with pytest.raises(ApprovalAlreadyDecided):
            approval(Decision(status)).decided(decision, NOON)
    with pytest.raises(ApprovalAlreadyDecided):
        approval().decided(Decision(), NOON)


def test_a_pending_approval_is_due_from_when_its_time_is_over() -> None:
    assert (approval().expire_time, approval(ttl=None).expire_time) == (NOON + MINUTE, None)
    assert not approval().is_due(NOON + MINUTE - MOMENT)
    assert approval().is_due(NOON + MINUTE)
    assert not approval(ttl=None).is_due(NOON + MINUTE)
    assert not approval(Decision(ApprovalStatus.REJECTED), NOON).is_due(NOON + MINUTE)
    expired = approval(Decision(ApprovalStatus.EXPIRED), NOON + MINUTE)
    assert approval().expired() == expired
    assert not expired.is_due(NOON + MINUTE)


def test_the_response_fits_beside_the_payload() -> None:
    half = Payload(data=b"x" * (LARGEST // 2))
    asked = approval(payload=half)
    decision = Decision(ApprovalStatus.APPROVED, response=half)
    assert asked.decided(decision, NOON).decision == decision
    with pytest.raises(LimitExceeded):
        asked.decided(replace(decision, response=Payload(data=b"x" * (LARGEST // 2 + 1))), NOON)


@pytest.mark.parametrize("status", ApprovalStatus)
def test_the_event_of_a_status_is_of_what_the_approval_is_about(status: ApprovalStatus) -> None:
    decision = Decision(status, "me", "why")
    is_new = status is ApprovalStatus.PENDING
    end = None if is_new else NOON + MINUTE
    event = approval(decision, end).event()
    assert event == Event(
        "",
        f"holdfast.approval.{status.value}",
        actor="bot" if is_new else "me",
        run_id="r",
        task_id="t",
        body=event.body,
        labels={"approval_id": "a"},
        trace_id="x",
        event_time=end,
    )
    assert isinstance(event.body, Payload)
    if is_new:
        wanted = {"to": "PENDING", "title": "deploy", "approver": "ops"}
    else:
        wanted = {"from": "PENDING", "to": status.name, "reason": "why"}
    assert json.loads(event.body.json or "") == wanted


@pytest.mark.parametrize(
    ("checked", "field"),
    [
        (replace(REQUEST, approval_id=""), "approval.approval_id"),
        (replace(REQUEST, payload=Payload()), "approval.payload"),
        (replace(REQUEST, ttl=timedelta()), "approval.ttl"),
        (replace(REQUEST, labels={"": "v"}), "approval.labels"),
        (Decision(decided_by="\0"), "decided_by"),
        (Decision(reason="\0"), "reason"),
        (Decision(response=Payload()), "response"),
        (ApprovalFilter(labels={"": "v"}), "labels"),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    checked: ApprovalRequest | Decision | ApprovalFilter, field: str
) -> None:
    with pytest.raises(InvalidField) as refusal:
        checked.checked()
    assert refusal.value.field == field


def test_what_is_within_bounds_is_accepted_as_it_is() -> None:
    decision = Decision(ApprovalStatus.APPROVED, "me", "why", Payload(json="1"))
    assert (REQUEST.checked(), decision.checked()) == (REQUEST, decision)
    where = ApprovalFilter([ApprovalStatus.PENDING], "s", labels={"k": "v"})
    assert where.checked() == where
    assert not where.omit_payload


def test_the_id_of_a_request_is_no_content_but_all_else_is() -> None:
    assert replace(REQUEST, approval_id="b").fingerprint() == REQUEST.fingerprint()
    assert replace(REQUEST, ttl=None).fingerprint() != REQUEST.fingerprint()
    assert Decision().fingerprint("a") != Decision().fingerprint("b")
