"""Tasks: units of work, each leased to one worker at a time, and their life cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import LeaseNotHeld
from holdfastdb_server.domain.events import Event, status_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_kinds, check_optional_ids
from holdfastdb_server.domain.values import (
    JsonObject,
    JsonScalar,
    Payload,
    check_bytes,
    check_filter,
    check_not_negative,
    check_optional_payload,
    check_searchable,
    check_text,
    payload_bytes,
)


class TaskStatus(StrEnum):
    """The status of a task."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the life cycle allows no change from it."""
        return not TRANSITIONS[self]


# The changes that TransitionTask allows. A released or expired lease also changes RUNNING to PENDING.
TRANSITIONS: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: frozenset({TaskStatus.RUNNING, TaskStatus.CANCELLED}),
    TaskStatus.RUNNING: frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED}),
    TaskStatus.SUCCEEDED: frozenset(),
    TaskStatus.FAILED: frozenset(),
    TaskStatus.CANCELLED: frozenset(),
}


class TaskFields(Struct, frozen=True):
    """The fields of a task that the caller sets and can change. `max_attempts` 0 means the default."""

    phase: str = ""
    from_role: str = ""
    to_role: str = ""
    payload: Payload | None = None
    result: Payload | None = None
    error: str = ""
    priority: int = 0
    run_after_time: datetime | None = None
    max_attempts: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)

    def checked(self) -> TaskFields:
        """Return the fields, checked and normalized, with the default `max_attempts`. Raises InvalidField."""
        check_text("task.phase", self.phase, limits.PHASE_LENGTH)
        check_optional_ids("task.", self, ("from_role", "to_role"))
        check_text("task.error", self.error, limits.ERROR_LENGTH)
        check_optional_payload("task.payload", self.payload)
        check_optional_payload("task.result", self.result)
        check_not_negative("task.max_attempts", self.max_attempts)
        checked = check_searchable("task.", self)
        return replace(checked, max_attempts=self.max_attempts or limits.TASK_ATTEMPTS)


class HidesToken(Struct, frozen=True):
    """A struct whose repr() omits lease tokens: it may be logged, and a token gives control of the task."""

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in asdict(self).items() if not name.endswith("token"))
        return f"{type(self).__name__}({', '.join(shown)})"


class Task(HidesToken, frozen=True):
    """A task as it is stored. Times are aware, in UTC. A payload that was not loaded is None."""

    task_id: str
    kind: str
    session_id: str
    idempotency_key: str
    dedupe_key: str
    trace_id: str
    fields: TaskFields
    status: TaskStatus
    version: int
    attempts: int
    worker_id: str
    lease_token: str
    lease_expire_time: datetime | None
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    end_time: datetime | None

    @property
    def is_leased(self) -> bool:
        """Whether it had a lease at the time at which it was read."""
        return self.lease_expire_time is not None

    def at(self, now: datetime) -> Task:
        """Return the task as it is at this time: if its lease has expired by then, without the lease.

        So no process has to act when a lease expires: each later read or change of the task applies it.
        """
        lapsed = self.lease_expire_time
        if lapsed is None or lapsed > now:
            return self
        fails = self.attempts >= self.fields.max_attempts
        return replace(
            self,
            fields=replace(self.fields, error=f"the lease expired in attempt {self.attempts}"),
            status=TaskStatus.FAILED if fails else TaskStatus.PENDING,
            version=self.version + 1,
            lease_token="",
            lease_expire_time=None,
            update_time=lapsed,
            end_time=lapsed if fails else None,
        )

    def check_lease(self, token: str) -> None:
        """Raise LeaseNotHeld unless this is the token of the present lease."""
        if not token or token != self.lease_token:
            raise LeaseNotHeld(self.task_id)

    def event(self, before: Task | None, actor: str) -> Event:
        """Return the event of its present status. `before` is None for its first one."""
        details: dict[str, Any] = {"kind": self.kind, "attempts": self.attempts}
        was, old_error = (None, "") if before is None else (before.status, before.fields.error)
        error = self.fields.error
        if error and (error != old_error or self.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)):
            details["error"] = error
        return replace(
            status_event("task", was, self.status, actor, **details),
            task_id=self.task_id,
            trace_id=self.trace_id,
            event_time=self.update_time,
        )

    @property
    def claim_time(self) -> datetime | None:
        """The time from which it can be claimed; None: not while it has its present status."""
        if self.status is TaskStatus.PENDING:
            return self.fields.run_after_time or self.create_time
        return self.lease_expire_time


class TaskDraft(Struct, frozen=True):
    """A task to create. `task_id` is set: the caller's, or a new one."""

    task_id: str
    kind: str
    session_id: str = ""
    idempotency_key: str = ""
    dedupe_key: str = ""
    trace_id: str = ""
    fields: TaskFields = TaskFields()

    def checked(self) -> TaskDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_id("task.task_id", self.task_id)
        check_id("task.kind", self.kind)
        check_optional_ids("task.", self, ("session_id", "idempotency_key", "trace_id"))
        check_text("task.dedupe_key", self.dedupe_key, limits.DEDUPE_KEY_LENGTH)
        fields = self.fields.checked()
        size = payload_bytes(fields.payload) + payload_bytes(fields.result)
        check_bytes("task.result", size, limits.PAYLOAD_BYTES, "together with the payload")
        return replace(self, fields=fields)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the draft without its id."""
        return fingerprint_of(replace(self, task_id=""))


class TaskFilter(Struct, frozen=True):
    """A condition on tasks: all that is given must match. Times are aware; `…_until` is exclusive."""

    statuses: Sequence[TaskStatus] = ()
    kinds: Sequence[str] = ()
    phase: str = ""
    session_id: str = ""
    from_role: str = ""
    to_role: str = ""
    worker_id: str = ""
    dedupe_key: str = ""
    trace_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None
    omit_payload: bool = False

    def checked(self) -> TaskFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_kinds("kinds", self.kinds)
        check_text("phase", self.phase, limits.PHASE_LENGTH)
        check_optional_ids("", self, ("session_id", "from_role", "to_role", "worker_id", "trace_id"))
        check_text("dedupe_key", self.dedupe_key, limits.DEDUPE_KEY_LENGTH)
        return check_filter("", self)
