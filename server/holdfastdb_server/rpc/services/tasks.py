"""TaskService: units of work, each leased to one worker at a time."""

from __future__ import annotations

from holdfastdb.v1 import task_service_pb2 as pb
from holdfastdb.v1.task_service_pb2_grpc import TaskServiceServicer
from holdfastdb_server.domain.errors import TaskNotFound
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.moves import check_token
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import paging, tasks
from holdfastdb_server.rpc.convert.scalars import read_optional_count, read_precondition
from holdfastdb_server.rpc.services.missing import allowed_missing


class TaskService(TaskServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._tasks = store.tasks

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Context) -> pb.CreateTaskResponse:
        task = await self._tasks.create(namespace(), tasks.read_draft(request))
        return tasks.write_task(pb.CreateTaskResponse(), task)

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        task = await self._tasks.get(namespace(), check_id("task_id", request.task_id))
        return tasks.write_task(pb.GetTaskResponse(), task)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Context) -> pb.ListTasksResponse:
        wanted, scope = paging.read_page(paging.TASKS, request)
        page = await self._tasks.list(namespace(), tasks.read_filter(request), wanted)
        return paging.write_page(tasks.write_tasks(page.items), scope, page)

    async def UpdateTask(self, request: pb.UpdateTaskRequest, context: Context) -> pb.UpdateTaskResponse:
        task = await self._tasks.update(
            namespace(),
            check_id("task.task_id", request.task.task_id),
            tasks.read_change(request),
            *read_precondition(request),
        )
        return tasks.write_task(pb.UpdateTaskResponse(), task)

    async def TransitionTask(
        self, request: pb.TransitionTaskRequest, context: Context
    ) -> pb.TransitionTaskResponse:
        task = await self._tasks.transition(
            namespace(),
            check_id("task_id", request.task_id),
            tasks.read_transition(request),
            *read_precondition(request),
        )
        return tasks.write_task(pb.TransitionTaskResponse(), task)

    async def ClaimTask(self, request: pb.ClaimTaskRequest, context: Context) -> pb.ClaimTaskResponse:
        request_id = check_optional_id("request_id", request.request_id)
        wanted, wait = tasks.read_claim(request), tasks.read_wait(request)
        return tasks.write_lease(await self._tasks.claim(namespace(), wanted, wait, request_id))

    async def ExtendLease(self, request: pb.ExtendLeaseRequest, context: Context) -> pb.ExtendLeaseResponse:
        until = await self._tasks.extend(
            namespace(),
            check_id("task_id", request.task_id),
            check_token(request.lease_token),
            tasks.read_lease_duration(request),
        )
        return tasks.write_lease_expire_time(until)

    async def ReleaseTask(self, request: pb.ReleaseTaskRequest, context: Context) -> pb.ReleaseTaskResponse:
        task_id = check_id("task_id", request.task_id)
        request_id = check_optional_id("request_id", request.request_id)
        task = await self._tasks.release(namespace(), task_id, tasks.read_release(request), request_id)
        return tasks.write_task(pb.ReleaseTaskResponse(), task)

    async def DeleteTask(self, request: pb.DeleteTaskRequest, context: Context) -> pb.DeleteTaskResponse:
        task_id = check_id("task_id", request.task_id)
        expected_version = read_optional_count(request, "expected_version")
        with allowed_missing(request.allow_missing, TaskNotFound):
            await self._tasks.delete(namespace(), task_id, expected_version)
        return pb.DeleteTaskResponse()
