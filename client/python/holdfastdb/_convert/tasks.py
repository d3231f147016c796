"""Between the contract's messages and the client's dataclasses: tasks."""

from __future__ import annotations

from typing import Any

from holdfastdb._convert.sessions import from_payload_message, lookup, to_time
from holdfastdb._convert.values import from_struct, from_timestamp, to_struct, to_timestamp
from holdfastdb.types.tasks import Task, TaskFilter, TaskStatus
from holdfastdb.v1 import task_service_pb2 as pb

_STATUSES = {status: pb.TaskStatus.Value(f"TASK_STATUS_{status.name}") for status in TaskStatus}
_STATUSES_BACK = {number: status for status, number in _STATUSES.items()}


def to_task_status(status: TaskStatus, path: str = "status") -> pb.TaskStatus.ValueType:
    return lookup(_STATUSES, status, path)


def to_task_conditions(conditions: TaskFilter) -> dict[str, Any]:
    """The fields of ListTasksRequest that choose."""
    fields: dict[str, Any] = dict(conditions)
    fields["statuses"] = [to_task_status(status, "statuses") for status in conditions.get("statuses", ())]
    fields["kinds"] = list(conditions.get("kinds", ()))
    fields["metadata"] = to_struct(conditions.get("metadata"))
    for name in ("create_time_from", "create_time_until"):
        fields[name] = to_timestamp(fields.get(name), name)
    return fields


def from_task(message: pb.Task) -> Task:
    return Task(
        task_id=message.task_id,
        session_id=message.session_id,
        kind=message.kind,
        status=_STATUSES_BACK[message.status],
        phase=message.phase,
        from_role=message.from_role,
        to_role=message.to_role,
        payload=from_payload_message(message.payload) if message.HasField("payload") else None,
        result=from_payload_message(message.result) if message.HasField("result") else None,
        error=message.error,
        idempotency_key=message.idempotency_key,
        dedupe_key=message.dedupe_key,
        priority=message.priority,
        run_after_time=to_time(message.run_after_time, message.HasField("run_after_time")),
        max_attempts=message.max_attempts,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        trace_id=message.trace_id,
        version=message.version,
        attempts=message.attempts,
        worker_id=message.worker_id,
        lease_expire_time=to_time(message.lease_expire_time, message.HasField("lease_expire_time")),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        start_time=to_time(message.start_time, message.HasField("start_time")),
        end_time=to_time(message.end_time, message.HasField("end_time")),
    )
