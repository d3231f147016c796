"""Tasks: units of work, leased to one worker at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Unpack

from holdfastdb._convert.enums import to_enum, to_order
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import to_optional_payload
from holdfastdb._convert.structs import to_struct
from holdfastdb._convert.tasks import from_task, to_conditions
from holdfastdb._convert.times import to_timestamp
from holdfastdb._convert.updates import to_update
from holdfastdb._ids import id_or_new, new_id
from holdfastdb._resources.claims import AsyncClaims
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.pages import Order
from holdfastdb.types.tasks import Task, TaskFilter, TaskStatus
from holdfastdb.v1 import task_service_pb2 as pb


class AsyncTasks(AsyncClaims):
    """`client.tasks`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    async def create(
        self,
        kind: str,
        payload: object = None,
        *,
        task_id: str | None = None,
        session_id: str = "",
        from_role: str = "",
        to_role: str = "",
        phase: str = "",
        idempotency_key: str = "",
        dedupe_key: str = "",
        priority: int = 0,
        run_after_time: datetime | None = None,
        max_attempts: int = 0,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        trace_id: str = "",
        timeout: float | None = None,
    ) -> Task:
        """Create a task, PENDING at first. Without a `task_id` it gets a new one.

            task = await client.tasks.create("review", {"pull": 7}, to_role="coder", dedupe_key="repo#7")

        `payload` is any JSON value, bytes, `Json` or `Data`; None is no payload. Repeating a `task_id` or an
        `idempotency_key` (for a day, unless the server is set otherwise) with the same content returns the
        task as it is now; with other content it raises AlreadyExists. So does a `dedupe_key` of which there
        is an open task of this kind: `error.metadata["task_id"]` names it. `max_attempts` is 10 unless given.
        Raises NotFound if the session does not exist.
        """
        if task_id is None:
            # The key already makes a repetition recognisable, also in another process.
            task_id = "" if idempotency_key else new_id()
        task = build(
            "",
            pb.Task,
            task_id=task_id,
            session_id=session_id,
            kind=kind,
            phase=phase,
            from_role=from_role,
            to_role=to_role,
            payload=to_optional_payload(payload, "payload"),
            idempotency_key=idempotency_key,
            dedupe_key=dedupe_key,
            priority=priority,
            run_after_time=to_timestamp(run_after_time, "run_after_time"),
            max_attempts=max_attempts,
            labels=to_labels(labels),
            metadata=to_struct(metadata),
            trace_id=trace_id,
        )
        stub = self._connection.stubs.tasks
        request = pb.CreateTaskRequest(task=task)
        return from_task((await self._connection.call(stub.CreateTask, request, timeout)).task)

    async def get(self, task_id: str, *, timeout: float | None = None) -> Task:
        """The task. Raises NotFound."""
        request = build("", pb.GetTaskRequest, task_id=task_id)
        stub = self._connection.stubs.tasks
        return from_task((await self._connection.call(stub.GetTask, request, timeout)).task)

    def list(
        self,
        *,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[TaskFilter],
    ) -> AsyncPager[Task]:
        """Tasks by creation time, newest first unless `order` says otherwise.

            async for task in client.tasks.list(kinds=["review"], statuses=[TaskStatus.PENDING]):
                print(task.task_id, task.priority)

        The conditions are those of `TaskFilter`. `omit_payload` leaves payload and result out. `page_size`
        is 20 unless given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListTasksRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            include_total_size=include_total_size,
            omit_payload=omit_payload,
            **to_conditions(conditions),
        )
        return paged(
            self._connection,
            lambda stubs: stubs.tasks.ListTasks,
            request,
            timeout,
            lambda page: map(from_task, page.tasks),
        )

    async def update(
        self,
        task_id: str,
        *,
        phase: str | None = None,
        from_role: str | None = None,
        to_role: str | None = None,
        payload: object = None,
        result: object = None,
        error: str | None = None,
        priority: int | None = None,
        run_after_time: datetime | Literal["now"] | None = None,
        max_attempts: int | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        replace: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Change the fields that are given, and return the task as it is then.

            await client.tasks.update("t-1", to_role="tester", labels={"urgent": "yes"})
            await client.tasks.update("t-1", priority=0, run_after_time="now", replace=True)

        Without `replace`, `labels` are added to and `metadata` is merged (RFC 7396: None removes its key).
        With `replace`, each field that is given becomes exactly that, also when it is empty. While the task
        is leased, its worker alone reports `phase`, `result` and `error`: see `AsyncLease.report`. Raises
        NotFound, LeaseNotHeld, VersionMismatch, ResourceExhausted, and FailedPrecondition when the task has
        ended: then only labels and metadata can be changed.
        """
        due = None if run_after_time == "now" else run_after_time
        changes = {
            "phase": phase,
            "from_role": from_role,
            "to_role": to_role,
            "payload": to_optional_payload(payload, "payload"),
            "result": to_optional_payload(result, "result"),
            "error": error,
            "priority": priority,
            "run_after_time": to_timestamp(due, "run_after_time"),
            "max_attempts": max_attempts,
            "labels": to_labels(labels),
            "metadata": to_struct(metadata),
        }
        request = to_update(
            pb.UpdateTaskRequest,
            "task",
            pb.Task,
            {"task_id": task_id},
            changes,
            cleared=("run_after_time",) if run_after_time == "now" else (),
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
        )
        stub = self._connection.stubs.tasks
        return from_task((await self._connection.call(stub.UpdateTask, request, timeout)).task)

    async def transition(
        self,
        task_id: str,
        status: TaskStatus,
        *,
        result: object = None,
        error: str = "",
        phase: str = "",
        actor: str = "",
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Move a task that nobody has leased along its life cycle: PENDING to RUNNING or CANCELLED; RUNNING
        to SUCCEEDED, FAILED or CANCELLED.

        A leased task is ended by its lease: see `claim`; but anyone may cancel it. What is given of `result`,
        `error` and `phase` replaces the task's. Raises NotFound, LeaseNotHeld, VersionMismatch, and
        FailedPrecondition for a move that the life cycle does not have.
        """
        request = build(
            "",
            pb.TransitionTaskRequest,
            task_id=task_id,
            status=to_enum(pb.TaskStatus, status, "status"),
            result=to_optional_payload(result, "result"),
            error=error,
            phase=phase,
            actor=actor,
            expected_version=expected_version,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.tasks
        return from_task((await self._connection.call(stub.TransitionTask, request, timeout)).task)

    async def cancel(
        self, task_id: str, *, error: str = "", actor: str = "", timeout: float | None = None
    ) -> Task:
        """PENDING or RUNNING to CANCELLED; its worker, if any, loses the lease. See `transition`."""
        status = TaskStatus.CANCELLED
        return await self.transition(task_id, status, error=error, actor=actor, timeout=timeout)

    async def delete(
        self,
        task_id: str,
        *,
        allow_missing: bool = False,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> None:
        """Delete a task, whatever its status, at once and for good.

        Raises VersionMismatch, and NotFound unless `allow_missing`.
        """
        request = build(
            "",
            pb.DeleteTaskRequest,
            task_id=task_id,
            expected_version=expected_version,
            allow_missing=allow_missing,
        )
        await self._connection.call(self._connection.stubs.tasks.DeleteTask, request, timeout)
