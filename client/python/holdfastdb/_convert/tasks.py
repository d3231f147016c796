"""Tasks."""

from __future__ import annotations

from typing import Any

from holdfastdb._arguments import require_known, require_texts
from holdfastdb._convert.enums import from_enum, to_enums
from holdfastdb._convert.messages import to_labels
from holdfastdb._convert.payloads import from_optional_payload
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import from_optional_timestamp, from_timestamp, to_timestamp
from holdfastdb.types.tasks import Task, TaskFilter, TaskStatus
from holdfastdb.v1 import task_service_pb2 as pb


def to_conditions(conditions: TaskFilter) -> dict[str, Any]:
    """The filter fields of ListTasksRequest."""
    require_known(conditions, TaskFilter)
    return {
        **conditions,
        "statuses": to_enums(pb.TaskStatus, conditions.get("statuses", ()), "statuses"),
        "kinds": require_texts(conditions.get("kinds", ()), "kinds"),
        "labels": to_labels(conditions.get("labels")),
        "metadata": to_struct(conditions.get("metadata")),
        "create_time_from": to_timestamp(conditions.get("create_time_from"), "create_time_from"),
        "create_time_until": to_timestamp(conditions.get("create_time_until"), "create_time_until"),
    }


def from_task(message: pb.Task) -> Task:
    return Task(
        task_id=message.task_id,
        session_id=message.session_id,
        kind=message.kind,
        status=from_enum(TaskStatus, pb.TaskStatus, message.status),
        phase=message.phase,
        from_role=message.from_role,
        to_role=message.to_role,
        payload=from_optional_payload(message, "payload"),
        result=from_optional_payload(message, "result"),
        error=message.error,
        idempotency_key=message.idempotency_key,
        dedupe_key=message.dedupe_key,
        priority=message.priority,
        run_after_time=from_optional_timestamp(message, "run_after_time"),
        max_attempts=message.max_attempts,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        trace_id=message.trace_id,
        version=message.version,
        attempts=message.attempts,
        worker_id=message.worker_id,
        lease_expire_time=from_optional_timestamp(message, "lease_expire_time"),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        start_time=from_optional_timestamp(message, "start_time"),
        end_time=from_optional_timestamp(message, "end_time"),
    )
