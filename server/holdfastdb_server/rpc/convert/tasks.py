"""Tasks and leases between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from holdfastdb.v1 import task_service_pb2 as pb
from holdfastdb_server.domain import limits
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.tasks.moves import (
    Claim,
    Lease,
    Release,
    TaskChange,
    TaskTransition,
    check_lease_duration,
)
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFields, TaskFilter, TaskStatus
from holdfastdb_server.domain.values import check_metadata_filter, check_wait
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_duration,
    read_mask,
    read_optional_payload,
    read_optional_time,
    read_struct,
    write_payload,
    write_struct,
    write_time,
)

ResponseT = TypeVar(
    "ResponseT",
    pb.CreateTaskResponse,
    pb.GetTaskResponse,
    pb.UpdateTaskResponse,
    pb.TransitionTaskResponse,
    pb.ReleaseTaskResponse,
)

_NUMBERS = {status: pb.TaskStatus.Value(f"TASK_STATUS_{status.name}") for status in TaskStatus}
_STATUSES: dict[int, TaskStatus] = {number: status for status, number in _NUMBERS.items()}

_MASK_PATHS = {
    name: name
    for name in (
        "phase",
        "from_role",
        "to_role",
        "payload",
        "result",
        "error",
        "priority",
        "run_after_time",
        "max_attempts",
        "labels",
        "metadata",
    )
}


def read_draft(request: pb.CreateTaskRequest) -> TaskDraft:
    """Return the task to create, with a new id if the caller chose none."""
    task = request.task
    return TaskDraft(
        task_id=task.task_id or new_id(),
        kind=task.kind,
        session_id=task.session_id,
        idempotency_key=task.idempotency_key,
        dedupe_key=task.dedupe_key,
        trace_id=task.trace_id,
        fields=_read_fields(task),
    ).checked()


def read_change(request: pb.UpdateTaskRequest) -> TaskChange:
    """Return the change, by mask or by merging."""
    replaced = read_mask(request.update_mask, _MASK_PATHS)
    return TaskChange(_read_fields(request.task), replaced, request.lease_token).checked()


def read_transition(request: pb.TransitionTaskRequest) -> TaskTransition:
    """Return the move."""
    return TaskTransition(
        status=read_choice("status", request.status, _STATUSES),
        lease_token=request.lease_token,
        result=read_optional_payload(request, "result"),
        error=request.error,
        phase=request.phase,
        actor=request.actor,
    ).checked()


def read_release(request: pb.ReleaseTaskRequest) -> Release:
    """Return the release."""
    return Release(
        lease_token=request.lease_token,
        attempt_failed=request.attempt_failed,
        error=request.error,
        run_after_time=read_optional_time(request, "run_after_time"),
    ).checked()


def read_claim(request: pb.ClaimTaskRequest) -> Claim:
    """Return which task is wanted."""
    return Claim(
        worker_id=request.worker_id,
        kinds=tuple(dict.fromkeys(request.kinds)),
        role=request.role,
        labels=dict(request.labels),
        session_id=request.session_id,
        task_id=request.task_id,
        lease_duration=read_lease_duration(request),
    ).checked()


def read_wait(request: pb.ClaimTaskRequest) -> timedelta:
    """Return how long to wait for a task."""
    return check_wait(read_duration("wait", request.wait))


def read_lease_duration(request: pb.ClaimTaskRequest | pb.ExtendLeaseRequest) -> timedelta:
    """Return how long the lease is wanted for."""
    if not request.HasField("lease_duration"):
        return limits.LEASE_DURATION
    return check_lease_duration(read_duration("lease_duration", request.lease_duration))


def read_filter(request: pb.ListTasksRequest) -> TaskFilter:
    """Return which tasks to list."""
    statuses = (
        read_choice(f"statuses[{index}]", number, _STATUSES) for index, number in enumerate(request.statuses)
    )
    return TaskFilter(
        statuses=tuple(dict.fromkeys(statuses)),
        kinds=tuple(dict.fromkeys(request.kinds)),
        phase=request.phase,
        session_id=request.session_id,
        from_role=request.from_role,
        to_role=request.to_role,
        worker_id=request.worker_id,
        dedupe_key=request.dedupe_key,
        trace_id=request.trace_id,
        labels=dict(request.labels),
        metadata=check_metadata_filter("metadata", read_struct("metadata", request.metadata)),
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
        omit_payload=request.omit_payload,
    ).checked()


def write_task(response: ResponseT, task: Task) -> ResponseT:
    """Return the response with its task."""
    _write_task(response.task, task)
    return response


def write_tasks(tasks: Sequence[Task]) -> pb.ListTasksResponse:
    """Return a list of tasks."""
    response = pb.ListTasksResponse()
    for task in tasks:
        _write_task(response.tasks.add(), task)
    return response


def write_lease(lease: Lease | None) -> pb.ClaimTaskResponse:
    """Return the claimed task and its token, or neither."""
    response = pb.ClaimTaskResponse()
    if lease is not None:
        _write_task(response.task, lease.task)
        response.lease_token = lease.token
    return response


def write_extended(lease_expire_time: datetime) -> pb.ExtendLeaseResponse:
    """Return when the lease will lapse."""
    response = pb.ExtendLeaseResponse()
    write_time(response.lease_expire_time, lease_expire_time)
    return response


def _write_task(target: pb.Task, task: Task) -> None:
    fields = task.fields
    target.task_id = task.task_id
    target.session_id = task.session_id
    target.kind = task.kind
    target.status = _NUMBERS[task.status]
    target.phase = fields.phase
    target.from_role = fields.from_role
    target.to_role = fields.to_role
    if fields.payload is not None:
        write_payload(target.payload, fields.payload)
    if fields.result is not None:
        write_payload(target.result, fields.result)
    target.error = fields.error
    target.idempotency_key = task.idempotency_key
    target.dedupe_key = task.dedupe_key
    target.priority = fields.priority
    target.max_attempts = fields.max_attempts
    if fields.labels:
        target.labels.update(fields.labels)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    target.trace_id = task.trace_id
    target.version = task.version
    target.attempts = task.attempts
    target.worker_id = task.worker_id
    write_time(target.create_time, task.create_time)
    write_time(target.update_time, task.update_time)
    for message, time in (
        (target.run_after_time, fields.run_after_time),
        (target.lease_expire_time, task.lease_expire_time),
        (target.start_time, task.start_time),
        (target.end_time, task.end_time),
    ):
        if time is not None:
            write_time(message, time)


def _read_fields(task: pb.Task) -> TaskFields:
    return TaskFields(
        phase=task.phase,
        from_role=task.from_role,
        to_role=task.to_role,
        payload=read_optional_payload(task, "payload"),
        result=read_optional_payload(task, "result"),
        error=task.error,
        priority=task.priority,
        run_after_time=read_optional_time(task, "run_after_time", "task."),
        max_attempts=task.max_attempts,
        labels=dict(task.labels),
        metadata=read_struct("task.metadata", task.metadata),
    )
