"""Operations on tasks: changes of fields, transitions, claims and releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.errors import InvalidField, TaskEnded, TransitionNotAllowed, VersionMismatch
from holdfastdb_server.domain.ids import check_kinds, check_optional_id, check_optional_ids
from holdfastdb_server.domain.tasks.task import (
    TRANSITIONS,
    HidesToken,
    Task,
    TaskFields,
    TaskStatus,
)
from holdfastdb_server.domain.values import (
    Payload,
    check_labels,
    check_optional_payload,
    check_payloads_fit,
    check_text,
)

_PAYLOADS = "bytes of payload and result"


class TaskMove(Protocol):
    """An operation on one task. With a lease token the task must have that lease."""

    @property
    def lease_token(self) -> str:
        """The lease token; may be empty."""
        ...

    def apply(self, task: Task, now: datetime) -> Task:
        """Return the task after the operation. Raises an error if it is not allowed."""
        ...

    def actor_for(self, task: Task) -> str:
        """Return the `actor` of the event of a change of status."""
        ...


def make(move: TaskMove, task: Task, expected_version: int | None, now: datetime) -> Task:
    """Return the task after the operation. Raises LeaseNotHeld, VersionMismatch, and its own errors.

    The lease is checked first: a worker that has lost it must learn that and nothing else.
    """
    if move.lease_token:
        task.check_lease(move.lease_token)
    check_version(task, expected_version)
    return move.apply(task, now)


def check_version(task: Task, expected: int | None) -> None:
    """Raise VersionMismatch if a version is expected and is not the task's."""
    if expected is not None and expected != task.version:
        raise VersionMismatch("task", task.task_id, expected, task.version)


class TaskChange(HidesToken, frozen=True):
    """A change of a task's fields.

    `replaced` names the fields to take from `fields` whole. With `merges`, labels and metadata
    are merged (see changed_fields).
    """

    fields: TaskFields
    replaced: frozenset[str] = frozenset()
    merges: bool = False
    lease_token: str = ""

    def checked(self) -> TaskChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        check_text("lease_token", self.lease_token, limits.ID_LENGTH)
        return replace(self, fields=self.fields.checked())

    def apply(self, task: Task, now: datetime) -> Task:
        """Return the task after the change. Raises LeaseNotHeld, TaskEnded, InvalidField, LimitExceeded."""
        current, changed = task.fields, self._changed(task.fields)
        if task.status.is_final and changed != replace(
            current, labels=changed.labels, metadata=changed.metadata
        ):
            raise TaskEnded(task.task_id, task.status.name)
        workers = (changed.phase, changed.result, changed.error)
        if task.is_leased and workers != (current.phase, current.result, current.error):
            task.check_lease(self.lease_token)
        return replace(task, fields=changed)

    def actor_for(self, task: Task) -> str:
        """Return no actor: the status does not change."""
        return ""

    def _changed(self, current: TaskFields) -> TaskFields:
        changed = changed_fields(current, self.fields, self.replaced, merges=self.merges)
        check_payloads_fit(_PAYLOADS, changed.payload, changed.result)
        return changed.checked()


class TaskTransition(HidesToken, frozen=True):
    """A change of status, and the fields that are set with it."""

    status: TaskStatus
    lease_token: str = ""
    result: Payload | None = None
    error: str = ""
    phase: str = ""
    actor: str = ""

    def checked(self) -> TaskTransition:
        """Return the transition, checked and normalized. Raises InvalidField."""
        check_text("lease_token", self.lease_token, limits.ID_LENGTH)
        check_optional_payload("result", self.result)
        check_text("error", self.error, limits.ERROR_LENGTH)
        check_text("phase", self.phase, limits.PHASE_LENGTH)
        check_optional_id("actor", self.actor)
        return self

    def apply(self, task: Task, now: datetime) -> Task:
        """Return the task after the transition. Raises LeaseNotHeld, TransitionNotAllowed, LimitExceeded."""
        if self.status not in TRANSITIONS[task.status]:
            raise TransitionNotAllowed("task", task.task_id, task.status.name, self.status.name)
        if task.is_leased and self.status is not TaskStatus.CANCELLED:
            task.check_lease(self.lease_token)
        fields = replace(
            task.fields,
            phase=self.phase or task.fields.phase,
            result=self.result or task.fields.result,
            error=self.error or task.fields.error,
        )
        check_payloads_fit(_PAYLOADS, fields.payload, fields.result)
        return replace(
            task,
            fields=fields,
            status=self.status,
            lease_token="",
            lease_expire_time=None,
            start_time=now if self.status is TaskStatus.RUNNING else task.start_time,
            end_time=now if self.status.is_final else None,
        )

    def actor_for(self, task: Task) -> str:
        """Return the given actor or, with a lease token and no actor, the worker that holds the lease."""
        return self.actor or (task.worker_id if self.lease_token else "")


class Release(HidesToken, frozen=True):
    """The end of a lease: the task was not worked on, or the attempt failed."""

    lease_token: str
    attempt_failed: bool = False
    error: str = ""
    run_after_time: datetime | None = None

    def checked(self) -> Release:
        """Return the release, checked and normalized. Raises InvalidField."""
        check_token(self.lease_token)
        check_text("error", self.error, limits.ERROR_LENGTH)
        return self

    def actor_for(self, task: Task) -> str:
        """Return the worker that holds the lease."""
        return task.worker_id

    def apply(self, task: Task, now: datetime) -> Task:
        """Return the task after the release: PENDING, or FAILED if its last attempt failed."""
        fails = self.attempt_failed and task.attempts >= task.fields.max_attempts
        return replace(
            task,
            fields=replace(
                task.fields, error=self.error or task.fields.error, run_after_time=self.run_after_time
            ),
            status=TaskStatus.FAILED if fails else TaskStatus.PENDING,
            attempts=task.attempts if self.attempt_failed else task.attempts - 1,
            lease_token="",
            lease_expire_time=None,
            end_time=now if fails else None,
        )


class Claim(Struct, frozen=True):
    """A claim: who wants which task for how long. The task must match everything that is given."""

    worker_id: str = ""
    kinds: Sequence[str] = ()
    role: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    session_id: str = ""
    task_id: str = ""
    lease_duration: timedelta = limits.LEASE_DURATION

    def checked(self) -> Claim:
        """Return the claim, checked and normalized. Raises InvalidField."""
        check_kinds("kinds", self.kinds)
        check_optional_ids("", self, ("worker_id", "role", "session_id", "task_id"))
        check_lease_duration(self.lease_duration)
        check_labels("labels", self.labels)
        return replace(self, kinds=tuple(sorted(self.kinds)))

    def apply(self, task: Task, token: str, now: datetime) -> Task:
        """Return the pending task with a lease that has this token."""
        return replace(
            task,
            status=TaskStatus.RUNNING,
            attempts=task.attempts + 1,
            worker_id=self.worker_id,
            lease_token=token,
            lease_expire_time=now + self.lease_duration,
            start_time=now,
        )


class Lease(HidesToken, frozen=True):
    """A leased task and the token of its lease."""

    task: Task
    token: str


def check_token(token: str) -> str:
    """Return a required lease token. Raises InvalidField."""
    if not token:
        raise InvalidField("lease_token", "is required")
    return check_text("lease_token", token, limits.ID_LENGTH)


def check_lease_duration(duration: timedelta) -> timedelta:
    """Return the duration of a lease. Raises InvalidField."""
    if not limits.LEASE_MIN <= duration <= limits.LEASE_MAX:
        raise InvalidField("lease_duration", "must be between 1 second and 24 hours")
    return duration
