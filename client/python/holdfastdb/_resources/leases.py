"""Leases: a worker's exclusive right to work on a task, extended while the work lasts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc

from holdfastdb._convert.enums import to_enum
from holdfastdb._convert.messages import build
from holdfastdb._convert.payloads import to_optional_payload
from holdfastdb._convert.tasks import from_task
from holdfastdb._convert.times import from_timestamp, to_duration, to_timestamp
from holdfastdb._ids import new_id
from holdfastdb._transport.channel import Connection, Request
from holdfastdb._transport.retries import backoff
from holdfastdb.errors import (
    DeadlineExceeded,
    HoldfastError,
    LeaseNotHeld,
    Reason,
    ResourceExhausted,
    Unavailable,
)
from holdfastdb.types.tasks import Task, TaskStatus
from holdfastdb.v1 import task_service_pb2 as pb

_Answer = TypeVar("_Answer", pb.TransitionTaskResponse, pb.ReleaseTaskResponse)

_ERROR_LENGTH = 65_536


class AsyncLease:
    """A claimed task, to be worked on in a block that keeps the lease:

        async with lease:
            await lease.report(phase="testing")
            await lease.succeed(await review(lease.task.value))

    In the block the lease is extended by itself. A block that ends without an error, and has not ended the
    task, makes it SUCCEEDED. An error gives the task back as a failed attempt, with the error's text,
    to be tried again until its `max_attempts` are used up; the error is raised further. A cancelled block
    gives the task back without counting an attempt.

    A lease may be lost: the task was cancelled, or the server could not be reached for as long as the lease
    lasts. Then the block is cancelled, and LeaseNotHeld is raised in its place.
    """

    def __init__(
        self, connection: Connection, task: Task, token: str, duration: timedelta, began: float
    ) -> None:
        self._connection = connection
        self._task = task
        self._token = token
        self._duration = duration
        self._until = began + duration.total_seconds()
        self._ended = False
        self._lost: HoldfastError | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._scope: asyncio.Timeout | None = None

    @property
    def task(self) -> Task:
        """The task, as of the last call."""
        return self._task

    @property
    def token(self) -> str:
        """The proof of the lease, for raw calls."""
        return self._token

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to be lost: stop the work."""
        return self._lost is not None

    async def extend(self, duration: timedelta | None = None, *, timeout: float | None = None) -> datetime:
        """Extend the lease to `duration` from now, by default that of the claim, and return its new expiry.

        In an `async with` block this happens by itself. Raises LeaseNotHeld.
        """
        lasting = self._duration if duration is None else duration
        request = build(
            "",
            pb.ExtendLeaseRequest,
            task_id=self._task.task_id,
            lease_token=self._token,
            lease_duration=to_duration(lasting, "duration"),
        )
        began = asyncio.get_running_loop().time()
        answer = await self._connection.call(self._connection.stubs.tasks.ExtendLease, request, timeout)
        self._until = began + lasting.total_seconds()
        self._cancel_block_at(self._until)
        return from_timestamp(answer.lease_expire_time)

    async def report(
        self,
        *,
        phase: str = "",
        result: object = None,
        error: str = "",
        timeout: float | None = None,
    ) -> Task:
        """Report progress: what is given replaces the task's field. Raises LeaseNotHeld."""
        task = build(
            "",
            pb.Task,
            task_id=self._task.task_id,
            phase=phase,
            result=to_optional_payload(result, "result"),
            error=error,
        )
        request = pb.UpdateTaskRequest(task=task, lease_token=self._token, request_id=new_id())
        stub = self._connection.stubs.tasks
        self._task = from_task((await self._connection.call(stub.UpdateTask, request, timeout)).task)
        return self._task

    async def succeed(self, result: object = None, *, phase: str = "", timeout: float | None = None) -> Task:
        """End the task as SUCCEEDED. `result` is any JSON value, bytes, `Json` or `Data`.

        Raises LeaseNotHeld: another worker may have the task by now.
        """
        return await self._end(TaskStatus.SUCCEEDED, result, "", phase, timeout)

    async def fail(
        self, error: str, result: object = None, *, phase: str = "", timeout: float | None = None
    ) -> Task:
        """End the task as FAILED, whatever attempts it has left. Raises LeaseNotHeld."""
        return await self._end(TaskStatus.FAILED, result, error, phase, timeout)

    async def _end(
        self, status: TaskStatus, result: object, error: str, phase: str, timeout: float | None
    ) -> Task:
        request = build(
            "",
            pb.TransitionTaskRequest,
            task_id=self._task.task_id,
            status=to_enum(pb.TaskStatus, status, "status"),
            lease_token=self._token,
            result=to_optional_payload(result, "result"),
            error=error,
            phase=phase,
            request_id=new_id(),
        )
        return await self._last_call(self._connection.stubs.tasks.TransitionTask, request, timeout)

    async def release(
        self,
        *,
        attempt_failed: bool = False,
        error: str = "",
        run_after_time: datetime | None = None,
        timeout: float | None = None,
    ) -> Task:
        """Give the task back for another worker, at once or from a later time on.

        With `attempt_failed` the attempt counts, and after the last one the task is FAILED. Raises
        LeaseNotHeld.
        """
        request = build(
            "",
            pb.ReleaseTaskRequest,
            task_id=self._task.task_id,
            lease_token=self._token,
            attempt_failed=attempt_failed,
            error=error,
            run_after_time=to_timestamp(run_after_time, "run_after_time"),
            request_id=new_id(),
        )
        return await self._last_call(self._connection.stubs.tasks.ReleaseTask, request, timeout)

    async def _last_call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, _Answer],
        request: Request,
        timeout: float | None,
    ) -> Task:
        """Make the call that ends the lease. Extensions stop first: a concurrent one would find no lease."""
        is_kept = self._keeper is not None
        await self._stop_keeping()
        try:
            answer = await self._connection.call(method, request, timeout)
        except HoldfastError:
            if is_kept:
                await self.keep()
            raise
        self._task = from_task(answer.task)
        self._ended = True
        self._cancel_block_at(None)
        return self._task

    def _cancel_block_at(self, time: float | None) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(time)

    async def __aenter__(self) -> Self:
        self._scope = asyncio.timeout_at(self._until)
        await self._scope.__aenter__()
        await self.keep()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_keeping()
        scope, self._scope = self._scope, None
        assert scope is not None
        try:
            await scope.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._loss() from self._lost
        await self.finish(error)

    async def keep(self) -> None:
        """Begin to extend the lease by itself. What `async with` does first."""
        self._keeper = asyncio.create_task(self._keep(), name=f"holdfast-lease-{self._task.task_id}")

    async def finish(self, error: BaseException | None) -> None:
        """Stop extending, and end the task or give it back. What `async with` does last."""
        await self._stop_keeping()
        if self._ended:
            return
        if error is None:
            await self.succeed()
            return
        failed = isinstance(error, Exception)
        said = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH].replace("\0", "") if failed else ""
        # A file name in an error's text may hold lone surrogates, which cannot be sent.
        said = said.encode("utf-8", "replace").decode()
        try:
            await self.release(attempt_failed=failed, error=said)
        except HoldfastError as refused:
            error.add_note(f"and task {self._task.task_id!r} could not be given back: {refused}")

    async def _stop_keeping(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause, failures = self._duration.total_seconds() / 3, 0
        while not self._ended:
            await asyncio.sleep(pause)
            left = self._until - loop.time()
            if left <= 0:
                self._lost = self._loss()
                return
            try:
                await self.extend(timeout=left)
            except (DeadlineExceeded, ResourceExhausted, Unavailable) as error:
                pause, failures = backoff(failures, error), failures + 1
            except HoldfastError as error:
                self._lost = error
                self._cancel_block_at(loop.time())
                return
            else:
                pause, failures = self._duration.total_seconds() / 3, 0

    def _loss(self) -> LeaseNotHeld:
        return LeaseNotHeld(
            f"the lease of task {self._task.task_id!r} is lost",
            reason=Reason.LEASE_NOT_HELD,
            metadata={"task_id": self._task.task_id},
        )
