"""Operations on one task: what each of them sets, needs a lease for, and may not do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import (
    LeaseNotHeld,
    LimitExceeded,
    TaskEnded,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.tasks.moves import (
    Claim,
    Release,
    TaskChange,
    TaskTransition,
    check_lease_duration,
    check_token,
    make,
)
from holdfastdb_server.domain.tasks.task import (
    TRANSITIONS,
    Task,
    TaskDraft,
    TaskFields,
    TaskFilter,
    TaskStatus,
)
from holdfastdb_server.domain.values import Payload
from tests.support.refusals import refused
from tests.support.sameness import same
from tests.unit.domain.test_tasks import MINUTE, MOMENT, NOON, leased, pending

LATER = NOON + MINUTE
LARGEST = 3 * 1024 * 1024
JSON = Payload(json="1")
FINAL = [TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED]


def running(**fields: Any) -> Task:
    """Return a task that runs without a lease."""
    return TaskTransition(TaskStatus.RUNNING).apply(pending(**fields), NOON)


def ended(status: TaskStatus = TaskStatus.SUCCEEDED, **fields: Any) -> Task:
    return replace(running(**fields), status=status, end_time=NOON)


def test_a_claim_leases_the_task_from_now() -> None:
    claim = Claim("w", ["b", "a"], "r", {"k": "v"}, "s", "t", 2 * MINUTE).checked()
    assert claim == Claim("w", ("a", "b"), "r", {"k": "v"}, "s", "t", 2 * MINUTE)
    assert Claim().checked().lease_duration == MINUTE
    before = replace(pending(), attempts=2)
    assert claim.apply(before, "secret", LATER) == replace(
        before,
        status=TaskStatus.RUNNING,
        attempts=3,
        worker_id="w",
        lease_token="secret",
        lease_expire_time=LATER + 2 * MINUTE,
        start_time=LATER,
    )
    refused("labels", Claim(labels={"": "v"}).checked)
    refused("kinds[0]", Claim(kinds=[""]).checked)
    refused("lease_duration", Claim(lease_duration=timedelta()).checked)
    for name in ("worker_id", "role", "session_id", "task_id"):
        refused(name, replace(Claim(), **{name: "\0"}).checked)


def test_a_change_takes_what_it_names() -> None:
    task = pending(phase="p", payload=JSON, labels={"k": "v"}, metadata={"n": 1})
    new = TaskFields("q", priority=7, labels={"l": "w"}, metadata={"m": 2.0})
    changed = TaskChange(new, frozenset({"phase", "metadata"})).checked().apply(task, NOON)
    assert same(changed, replace(task, fields=replace(task.fields, phase="q", metadata={"m": 2})))
    merged = TaskChange(new, merges=True).apply(task, NOON)
    both = {"labels": {"k": "v", "l": "w"}, "metadata": {"n": 1, "m": 2}}
    assert merged == replace(task, fields=replace(task.fields, **both))
    assert TaskChange(new).apply(task, NOON) == task
    full = pending(labels={f"k{number}": "v" for number in range(64)})
    refused("task.labels", TaskChange(new, merges=True).apply, full, NOON)
    for name, bad in {"payload": Payload(), "result": Payload(), "from_role": "\0", "to_role": "\0"}.items():
        refused(f"task.{name}", TaskChange(replace(TaskFields(), **{name: bad})).checked)
    assert TaskChange(new).actor_for(leased()) == ""


@pytest.mark.parametrize("status", FINAL)
def test_an_ended_task_changes_only_in_its_labels_and_metadata(status: TaskStatus) -> None:
    task = ended(status, labels={"k": "v"}, metadata={"n": 1})
    new = replace(task.fields, phase="q", labels={"l": "w"}, metadata={"m": 2})
    for names in ({"labels"}, {"metadata"}, {"labels", "metadata"}):
        wanted = replace(task.fields, **{name: getattr(new, name) for name in names})
        assert TaskChange(new, frozenset(names)).apply(task, NOON).fields == wanted
    with pytest.raises(TaskEnded):
        TaskChange(new, frozenset({"phase", "labels", "metadata"})).apply(task, NOON)


@pytest.mark.parametrize(
    ("name", "value", "is_worker_s"),
    [
        ("phase", "q", True),
        ("result", JSON, True),
        ("error", "bad", True),
        ("priority", 1, False),
        ("payload", JSON, False),
        ("labels", {"k": "v"}, False),
    ],
)
def test_only_the_worker_changes_what_is_its_own(name: str, value: Any, is_worker_s: bool) -> None:
    change = TaskChange(replace(TaskFields(), **{name: value}), frozenset({name}))
    for task in (pending(), running()):
        assert getattr(change.apply(task, NOON).fields, name) == value
    held = replace(change, lease_token="secret")
    assert getattr(held.apply(leased(), NOON).fields, name) == value
    if is_worker_s:
        with pytest.raises(LeaseNotHeld):
            change.apply(leased(), NOON)
    else:
        assert getattr(change.apply(leased(), NOON).fields, name) == value
    # What it already is may be said by anyone.
    assert change.apply(leased(**{name: value}), NOON) == leased(**{name: value})


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("wanted", TaskStatus)
def test_a_transition_follows_the_life_cycle(status: TaskStatus, wanted: TaskStatus) -> None:
    task = replace(pending(), status=status, end_time=NOON if status.is_final else None)
    if wanted not in TRANSITIONS[status]:
        with pytest.raises(TransitionNotAllowed):
            TaskTransition(wanted).apply(task, LATER)
        return
    assert TaskTransition(wanted).apply(task, LATER) == replace(
        task,
        status=wanted,
        start_time=LATER if wanted is TaskStatus.RUNNING else None,
        end_time=LATER if wanted in FINAL else None,
    )


def test_a_transition_sets_what_it_has_and_ends_the_lease() -> None:
    task = leased(phase="p", result=JSON, error="bad")
    assert TaskTransition(TaskStatus.SUCCEEDED, "secret").checked().apply(task, LATER) == replace(
        task, status=TaskStatus.SUCCEEDED, lease_token="", lease_expire_time=None, end_time=LATER
    )
    new = {"phase": "q", "result": Payload(json="2"), "error": "worse"}
    changed = TaskTransition(TaskStatus.FAILED, "secret", **new).apply(task, LATER)  # type: ignore[arg-type]
    assert changed.fields == replace(task.fields, **new)
    for name, value in {"phase": "\0", "result": Payload(), "error": "\0", "actor": "\0"}.items():
        refused(name, replace(TaskTransition(TaskStatus.FAILED), **{name: value}).checked)


def test_only_the_worker_ends_what_is_leased_and_anyone_cancels_it() -> None:
    for status in (TaskStatus.SUCCEEDED, TaskStatus.FAILED):
        assert TaskTransition(status).apply(running(), NOON).status is status
        with pytest.raises(LeaseNotHeld):
            TaskTransition(status).apply(leased(), NOON)
    cancelled = TaskTransition(TaskStatus.CANCELLED).apply(leased(), NOON)
    assert (cancelled.status, cancelled.lease_token) == (TaskStatus.CANCELLED, "")


def test_the_actor_of_a_transition_is_the_one_given_or_the_worker() -> None:
    move = TaskTransition(TaskStatus.FAILED)
    assert move.actor_for(leased()) == ""
    assert replace(move, lease_token="secret").actor_for(leased()) == "w"
    assert replace(move, lease_token="secret", actor="me").actor_for(leased()) == "me"
    assert replace(move, actor="me").actor_for(leased()) == "me"
    assert Release("secret").actor_for(leased()) == "w"


@pytest.mark.parametrize("attempts", [1, 2, 3])
@pytest.mark.parametrize("attempt_failed", [True, False])
def test_a_release_counts_the_attempt_only_if_it_failed(attempts: int, attempt_failed: bool) -> None:
    task = replace(leased(max_attempts=2, error="old", run_after_time=NOON), attempts=attempts)
    fails = attempt_failed and attempts >= 2
    released = Release("secret", attempt_failed).checked().apply(task, LATER)
    assert released == replace(
        task,
        fields=replace(task.fields, run_after_time=None),
        status=TaskStatus.FAILED if fails else TaskStatus.PENDING,
        attempts=attempts if attempt_failed else attempts - 1,
        lease_token="",
        lease_expire_time=None,
        end_time=LATER if fails else None,
    )
    again = Release("secret", attempt_failed, "new", LATER).apply(task, LATER)
    assert (again.fields.error, again.fields.run_after_time) == ("new", LATER)


def test_a_release_needs_a_token() -> None:
    assert not Release("secret").attempt_failed
    assert check_token("x" * 255) == "x" * 255
    for token in ("", "\0", "x" * 256):
        refused("lease_token", check_token, token)
        refused("lease_token", Release(token).checked)
    refused("error", Release("secret", error="\0").checked)
    refused("lease_duration", check_lease_duration, timedelta())


def test_payloads_fit_together_after_each_change() -> None:
    half, more = Payload(data=b"x" * (LARGEST // 2)), Payload(data=b"x" * (LARGEST // 2 + 1))
    task = running(payload=half)
    for result in (half, more):
        draft = TaskDraft("t", "k", fields=TaskFields(payload=half, result=result))
        change = TaskChange(TaskFields(result=result), frozenset({"result"}))
        end = TaskTransition(TaskStatus.FAILED, result=result)
        if result is half:
            assert draft.checked().fields.result is change.apply(task, NOON).fields.result is half
            assert end.apply(task, NOON).fields.result is half
            continue
        refused("task.result", draft.checked)
        for move in (change, end):
            with pytest.raises(LimitExceeded):
                move.apply(task, NOON)


def test_a_move_is_made_of_the_expected_version_by_the_holder_of_the_lease() -> None:
    change = TaskChange(TaskFields(priority=1), frozenset({"priority"}))
    for expected in (None, 1):
        assert make(change, leased(), expected, NOON).fields.priority == 1
    for expected in (0, 2):
        with pytest.raises(VersionMismatch):
            make(change, leased(), expected, NOON)
    with pytest.raises(LeaseNotHeld):
        make(replace(change, lease_token="other"), leased(), None, NOON)


@pytest.mark.parametrize("attempts", [0, 1, 2, 3])
def test_a_lapsed_lease_ends_an_attempt(attempts: int) -> None:
    task = replace(leased(max_attempts=2, phase="p"), attempts=attempts, version=4)
    fails = attempts >= 2
    assert task.at(LATER + MOMENT) == replace(
        task,
        fields=replace(task.fields, error=f"the lease expired in attempt {attempts}"),
        status=TaskStatus.FAILED if fails else TaskStatus.PENDING,
        version=5,
        lease_token="",
        lease_expire_time=None,
        update_time=LATER,
        end_time=LATER if fails else None,
    )
    assert pending().at(LATER) == pending()


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("old_error", ["", "bad", "worse"])
@pytest.mark.parametrize("error", ["", "bad"])
def test_the_event_of_a_status_is_of_its_task(status: TaskStatus, old_error: str, error: str) -> None:
    before = replace(leased(error=old_error), trace_id="x")
    after = replace(before, status=status, fields=replace(before.fields, error=error), update_time=LATER)
    event = after.event(before, "me")
    assert event == Event(
        "",
        f"holdfast.task.{status.value}",
        "me",
        task_id="t",
        body=event.body,
        trace_id="x",
        event_time=LATER,
    )
    assert isinstance(event.body, Payload)
    details = {"from": "RUNNING", "to": status.name, "kind": "review", "attempts": 1}
    is_told = error and (error != old_error or status in (TaskStatus.FAILED, TaskStatus.CANCELLED))
    assert json.loads(event.body.json or "") == {**details, **({"error": error} if is_told else {})}
    first = pending().event(None, "").body
    assert first == Payload(json='{"to":"PENDING","kind":"review","attempts":0}')


def test_a_filter_is_checked() -> None:
    where = TaskFilter([TaskStatus.FAILED], ["k"], "p", metadata={"n": 1.0})
    assert same(where.checked(), replace(where, metadata={"n": 1}, omit_payload=False))
    refused("kinds[0]", TaskFilter(kinds=[""]).checked)
    names = ("phase", "session_id", "from_role", "to_role", "worker_id", "dedupe_key", "trace_id")
    for name in names:
        refused(name, replace(TaskFilter(), **{name: "\0"}).checked)
    refused("task.task_id", TaskDraft("", "k").checked)
    for name in ("session_id", "idempotency_key", "trace_id"):
        refused(f"task.{name}", replace(TaskDraft("t", "k"), **{name: "\0"}).checked)
