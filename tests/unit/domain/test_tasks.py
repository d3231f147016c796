"""Tasks at a moment in time: leases that lapse, and when a task can be claimed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import InvalidField, LeaseNotHeld, VersionMismatch
from holdfastdb_server.domain.limits import LEASE_MAX, LEASE_MIN, PAYLOAD_BYTES, WAIT_MAX
from holdfastdb_server.domain.tasks.moves import (
    Claim,
    Lease,
    Release,
    TaskChange,
    TaskTransition,
    check_lease_duration,
    make,
)
from holdfastdb_server.domain.tasks.task import TRANSITIONS, Task, TaskDraft, TaskFields, TaskStatus
from holdfastdb_server.domain.values import Payload, check_wait

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


def pending(**fields: Any) -> Task:
    draft = TaskDraft("t", "review", fields=TaskFields(**fields)).checked()
    return Task(
        task_id="t",
        kind="review",
        session_id="",
        idempotency_key="",
        dedupe_key="",
        trace_id="",
        fields=draft.fields,
        status=TaskStatus.PENDING,
        version=1,
        attempts=0,
        worker_id="",
        lease_token="",
        lease_expire_time=None,
        create_time=NOON,
        update_time=NOON,
        start_time=None,
        end_time=None,
    )


def leased(**fields: Any) -> Task:
    return Claim("w", lease_duration=MINUTE).apply(pending(**fields), "secret", NOON)


def test_a_lease_holds_to_its_last_moment() -> None:
    task = leased()
    assert task.at(NOON + MINUTE - MOMENT) is task
    assert task.at(NOON + MINUTE).status is TaskStatus.PENDING


def test_a_lapsed_lease_is_gone_from_when_it_lapsed() -> None:
    task = leased().at(NOON + 5 * MINUTE)
    assert (task.lease_token, task.lease_expire_time, task.end_time) == ("", None, None)
    assert (task.update_time, task.version, task.attempts) == (NOON + MINUTE, 2, 1)
    assert task.at(NOON + 9 * MINUTE) is task


def test_the_last_lease_that_lapses_fails_the_task() -> None:
    task = leased(max_attempts=1).at(NOON + 5 * MINUTE)
    assert (task.status, task.end_time) == (TaskStatus.FAILED, NOON + MINUTE)
    assert task.fields.error == "the lease expired in attempt 1"


@pytest.mark.parametrize("token", ["", "other"])
def test_only_the_token_holds_the_lease(token: str) -> None:
    leased().check_lease("secret")
    for task in (leased(), pending()):
        with pytest.raises(LeaseNotHeld):
            task.check_lease(token)


def test_a_task_can_be_claimed_when_it_is_due_or_its_lease_lapses_and_never_after_its_end() -> None:
    assert pending().claim_time == NOON
    assert pending(run_after_time=NOON + MINUTE).claim_time == NOON + MINUTE
    assert leased(run_after_time=NOON - MINUTE).claim_time == NOON + MINUTE
    unleased = TaskTransition(TaskStatus.RUNNING).apply(pending(), NOON)
    assert unleased.claim_time is None
    assert TaskTransition(TaskStatus.CANCELLED).apply(leased(), NOON).claim_time is None


def test_a_lost_lease_is_told_before_a_stale_version() -> None:
    with pytest.raises(LeaseNotHeld):
        make(TaskTransition(TaskStatus.SUCCEEDED, "other"), leased(), 7, NOON)
    with pytest.raises(VersionMismatch):
        make(TaskTransition(TaskStatus.SUCCEEDED, "secret"), leased(), 7, NOON)


def test_every_status_has_its_place_in_the_life_cycle() -> None:
    assert set(TRANSITIONS) == set(TaskStatus)
    final = {TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED}
    assert {status for status in TaskStatus if status.is_final} == final


def test_an_event_tells_an_error_once() -> None:
    failed = replace(leased(), fields=replace(leased().fields, error="no disk"))
    back = replace(failed, status=TaskStatus.PENDING)
    for before, after, told in ((leased(), back, True), (failed, back, False)):
        body = after.event(before, "w").body
        assert isinstance(body, Payload)
        assert ("error" in json.loads(body.json or "")) is told


def test_the_token_is_in_no_text() -> None:
    texts = [
        repr(leased()),
        repr(Lease(leased(), "secret")),
        repr(TaskChange(TaskFields(), lease_token="secret")),
        repr(TaskTransition(TaskStatus.FAILED, "secret")),
        repr(Release("secret", error="no disk")),
    ]
    assert "secret" not in "".join(texts)
    assert texts[-1] == "Release(attempt_failed=False, error='no disk', run_after_time=None)"


def test_a_draft_has_ten_attempts_unless_it_says_otherwise() -> None:
    assert TaskDraft("t", "k").checked().fields.max_attempts == 10
    assert TaskDraft("t", "k", fields=TaskFields(max_attempts=2)).checked().fields.max_attempts == 2


@pytest.mark.parametrize(
    ("field", "draft"),
    [
        ("task.kind", TaskDraft("t", "")),
        ("task.kind", TaskDraft("t", "k" * 256)),
        ("task.dedupe_key", TaskDraft("t", "k", dedupe_key="d" * 1_001)),
        ("task.dedupe_key", TaskDraft("t", "k", dedupe_key="\0")),
        ("task.idempotency_key", TaskDraft("t", "k", idempotency_key="i" * 256)),
        ("task.phase", TaskDraft("t", "k", fields=TaskFields(phase="p" * 256))),
        ("task.error", TaskDraft("t", "k", fields=TaskFields(error="e" * 65_537))),
        ("task.max_attempts", TaskDraft("t", "k", fields=TaskFields(max_attempts=-1))),
        ("task.payload", TaskDraft("t", "k", fields=TaskFields(payload=Payload()))),
        (
            "task.result",
            TaskDraft(
                "t",
                "k",
                fields=TaskFields(payload=Payload(data=b"x" * PAYLOAD_BYTES), result=Payload(json="1")),
            ),
        ),
    ],
)
def test_a_draft_beyond_its_bounds_is_refused(field: str, draft: TaskDraft) -> None:
    with pytest.raises(InvalidField) as caught:
        draft.checked()
    assert caught.value.field == field


def test_the_ids_of_drafts_are_no_content_but_all_else_is() -> None:
    draft = TaskDraft("a", "k")
    assert replace(draft, task_id="b").fingerprint() == draft.fingerprint()
    others = [
        replace(draft, kind="other"),
        replace(draft, session_id="s"),
        replace(draft, dedupe_key="d"),
        replace(draft, fields=TaskFields(run_after_time=NOON)),
        replace(draft, fields=TaskFields(payload=Payload(json="1"))),
        replace(draft, fields=TaskFields(payload=Payload(data=b"1"))),
        replace(draft, fields=TaskFields(result=Payload(json="1"))),
    ]
    assert len({draft.fingerprint(), *(other.fingerprint() for other in others)}) == 8


def test_a_change_that_merges_leaves_attempts_alone_and_one_that_replaces_resets_them() -> None:
    task = pending(max_attempts=3)
    merged = TaskChange(TaskFields(phase="x")).checked().apply(task, NOON)
    assert merged.fields.max_attempts == 3
    replaced = TaskChange(TaskFields(), frozenset({"max_attempts"})).checked().apply(task, NOON)
    assert replaced.fields.max_attempts == 10


def test_leases_and_waits_have_bounds() -> None:
    assert check_lease_duration(LEASE_MIN) == LEASE_MIN
    assert check_lease_duration(LEASE_MAX) == LEASE_MAX
    for duration in (LEASE_MIN - MOMENT, LEASE_MAX + MOMENT, -MINUTE):
        with pytest.raises(InvalidField):
            check_lease_duration(duration)
    assert check_wait(timedelta(hours=1)) == WAIT_MAX
    with pytest.raises(InvalidField):
        check_wait(-MOMENT)
