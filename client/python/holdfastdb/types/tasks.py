"""What the calls for tasks take and return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from holdfastdb.types.payloads import Payload


class TaskStatus(StrEnum):
    """The status of a task. PENDING becomes RUNNING or CANCELLED; RUNNING becomes SUCCEEDED, FAILED or
    CANCELLED, or PENDING again when its lease is released or expires."""

    PENDING = "pending"
    """To be done."""
    RUNNING = "running"
    """Someone is at work on it."""
    SUCCEEDED = "succeeded"
    """Done. Final."""
    FAILED = "failed"
    """Could not be done. Final."""
    CANCELLED = "cancelled"
    """Cancelled by a caller. Final."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""

    @property
    def is_final(self) -> bool:
        """Whether a task with this status has ended. False for UNRECOGNIZED."""
        return self in (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One unit of work."""

    task_id: str
    session_id: str
    """The session that it belongs to, and with which it is deleted; empty for none."""
    kind: str
    status: TaskStatus
    phase: str
    """How far the work is, in the caller's words."""
    from_role: str
    to_role: str
    """Who is to do it; empty: any role."""
    payload: Payload | None
    """What is to be done. None where there is none, or the list was asked to leave it out."""
    result: Payload | None
    """What came of it, so far or in the end. None as for `payload`."""
    error: str
    """What went wrong last, or why it was cancelled."""
    idempotency_key: str
    dedupe_key: str
    priority: int
    """Greater is claimed earlier."""
    run_after_time: datetime | None
    max_attempts: int
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    trace_id: str
    version: int
    """Rises by one with each change, from 1. The extension of a lease is not a change."""
    attempts: int
    """How often it was claimed, without the leases that were released without a failed attempt."""
    worker_id: str
    """Who holds the lease, or held the last one."""
    lease_expire_time: datetime | None
    """When the lease expires; None: it is not leased."""
    create_time: datetime
    update_time: datetime
    start_time: datetime | None
    """When it last became RUNNING."""
    end_time: datetime | None
    """When it reached its final status."""

    @property
    def value(self) -> Any:
        """The JSON value or the bytes of the payload; None where there is none."""
        return None if self.payload is None else self.payload.value


class TaskFilter(TypedDict, total=False):
    """Which tasks: all conditions that are given must hold.

    `statuses` and `kinds`: any of these. `labels` and the top-level members of `metadata` must be there with
    these values. `create_time_from` is inclusive, `create_time_until` exclusive.
    """

    statuses: Iterable[TaskStatus]
    kinds: Iterable[str]
    phase: str
    session_id: str
    from_role: str
    to_role: str
    worker_id: str
    dedupe_key: str
    trace_id: str
    labels: Mapping[str, str]
    metadata: Mapping[str, object]
    create_time_from: datetime
    create_time_until: datetime
