"""Between rows and tasks."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFields, TaskStatus
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.query.payloads import payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import tasks

NOW = sa.bindparam("now", type_=Micros)
"""The database's time, read before as a parameter: leases lapse by it."""

IS_SPENT = tasks.c.attempts >= tasks.c.max_attempts


def has_lapsed(now: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Whether a task's lease has lapsed at a time; NULL without a lease."""
    return tasks.c.lease_expire_time <= now


def fixed_values(draft: TaskDraft) -> dict[str, Any]:
    """Return the columns of what never changes, but those of its session."""
    return {
        "id": draft.task_id,
        "create_fingerprint": draft.fingerprint(),
        "kind": draft.kind,
        "idempotency_key": draft.idempotency_key or None,
        "held_key": draft.idempotency_key or None,
        "dedupe_key": draft.dedupe_key or None,
        "dedupe_digest": dedupe_digest(draft.dedupe_key),
        "trace_id": draft.trace_id or None,
    }


def changing_values(task: Task) -> dict[str, Any]:
    """Return the columns of what changes."""
    fields = task.fields
    return {
        "status": task.status,
        "phase": fields.phase or None,
        "from_role": fields.from_role or None,
        "to_role": fields.to_role or None,
        **payload_values("payload", fields.payload),
        **payload_values("result", fields.result),
        "error": fields.error,
        "priority": fields.priority,
        "run_after_time": fields.run_after_time,
        "max_attempts": fields.max_attempts,
        "labels": dict(fields.labels),
        "metadata": fields.metadata,
        "version": task.version,
        "attempts": task.attempts,
        "worker_id": task.worker_id or None,
        "lease_token": task.lease_token or None,
        "lease_expire_time": task.lease_expire_time,
        "claim_time": task.claim_time,
        "size": _size(task) + payload_bytes(fields.payload) + payload_bytes(fields.result),
        "update_time": task.update_time,
        "start_time": task.start_time,
        "end_time": task.end_time,
    }


def task_of(row: Any) -> Task:
    """Return the task in a whole row of `tasks`, as it was written."""
    return Task(
        task_id=row.id,
        kind=row.kind,
        session_id=row.session_id or "",
        idempotency_key=row.idempotency_key or "",
        dedupe_key=row.dedupe_key or "",
        trace_id=row.trace_id or "",
        fields=TaskFields(
            phase=row.phase or "",
            from_role=row.from_role or "",
            to_role=row.to_role or "",
            payload=payload_of(row, "payload"),
            result=payload_of(row, "result"),
            error=row.error,
            priority=row.priority,
            run_after_time=row.run_after_time,
            max_attempts=row.max_attempts,
            labels=row.labels,
            metadata=row.metadata,
        ),
        status=TaskStatus(row.status),
        version=row.version,
        attempts=row.attempts,
        worker_id=row.worker_id or "",
        lease_token=row.lease_token or "",
        lease_expire_time=row.lease_expire_time,
        create_time=row.create_time,
        update_time=row.update_time,
        start_time=row.start_time,
        end_time=row.end_time,
    )


def new_task(draft: TaskDraft, now: datetime) -> Task:
    """Return the task that a draft makes."""
    return Task(
        task_id=draft.task_id,
        kind=draft.kind,
        session_id=draft.session_id,
        idempotency_key=draft.idempotency_key,
        dedupe_key=draft.dedupe_key,
        trace_id=draft.trace_id,
        fields=draft.fields,
        status=TaskStatus.PENDING,
        version=1,
        attempts=0,
        worker_id="",
        lease_token="",
        lease_expire_time=None,
        create_time=now,
        update_time=now,
        start_time=None,
        end_time=None,
    )


def dedupe_digest(dedupe_key: str) -> bytes | None:
    """Return what stands for a dedupe key in the indexes; None for none."""
    return blake2b(dedupe_key.encode(), digest_size=32).digest() if dedupe_key else None


def head_size(row: Any) -> int:
    """Return about how many bytes the task in a row has on the wire without its payloads."""
    return _size(task_of(row))


def _size(task: Task) -> int:
    fields = task.fields
    texts = (
        task.task_id,
        task.kind,
        task.session_id,
        task.idempotency_key,
        task.dedupe_key,
        task.trace_id,
        task.worker_id,
        fields.phase,
        fields.from_role,
        fields.to_role,
        fields.error,
    )
    searched = searchable_size(fields.labels) + searchable_size(fields.metadata)
    return OVERHEAD + sum(map(utf8_size, texts)) + searched
