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
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFields, TaskFilter
from holdfastdb_server.domain.values import check_wait
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import read_duration, read_optional_time, write_time

ResponseT = TypeVar(
    "ResponseT",
    pb.CreateTaskResponse,
    pb.GetTaskResponse,
    pb.UpdateTaskResponse,
    pb.TransitionTaskResponse,
    pb.ReleaseTaskResponse,
)


def read_draft(request: pb.CreateTaskRequest) -> TaskDraft:
    """Return the task to create, with a new id if the request has none."""
    task = request.task
    fields = read_fields(task, TaskFields, "task.")
    return read_fields(task, TaskDraft, "task.", task_id=task.task_id or new_id(), fields=fields).checked()


def read_change(request: pb.UpdateTaskRequest) -> TaskChange:
    """Return the change, by the update mask or by merging."""
    fields = read_fields(request.task, TaskFields, "task.")
    mask = read_mask(request.update_mask, request.task, TaskFields.__struct_fields__)
    return TaskChange(fields, *mask, request.lease_token).checked()


def read_transition(request: pb.TransitionTaskRequest) -> TaskTransition:
    """Return the transition."""
    return read_fields(request, TaskTransition).checked()


def read_release(request: pb.ReleaseTaskRequest) -> Release:
    """Return the release."""
    return read_fields(request, Release).checked()


def read_claim(request: pb.ClaimTaskRequest) -> Claim:
    """Return the claim."""
    kinds, lease_duration = tuple(dict.fromkeys(request.kinds)), read_lease_duration(request)
    return read_fields(request, Claim, kinds=kinds, lease_duration=lease_duration).checked()


def read_wait(request: pb.ClaimTaskRequest) -> timedelta:
    """Return how long to wait for a task."""
    return check_wait(read_duration("wait", request.wait))


def read_lease_duration(request: pb.ClaimTaskRequest | pb.ExtendLeaseRequest) -> timedelta:
    """Return the duration of the lease."""
    if not request.HasField("lease_duration"):
        return limits.LEASE_DURATION
    return check_lease_duration(read_duration("lease_duration", request.lease_duration))


def read_filter(request: pb.ListTasksRequest) -> TaskFilter:
    """Return which tasks to list."""
    return read_fields(
        request,
        TaskFilter,
        kinds=tuple(dict.fromkeys(request.kinds)),
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
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
    """Return the leased task and the token of its lease, or neither."""
    response = pb.ClaimTaskResponse()
    if lease is not None:
        _write_task(response.task, lease.task)
        response.lease_token = lease.token
    return response


def write_lease_expire_time(lease_expire_time: datetime) -> pb.ExtendLeaseResponse:
    """Return when the lease expires."""
    response = pb.ExtendLeaseResponse()
    write_time(response.lease_expire_time, lease_expire_time)
    return response


def _write_task(target: pb.Task, task: Task) -> None:
    write_fields(target, task)
    write_fields(target, task.fields)
