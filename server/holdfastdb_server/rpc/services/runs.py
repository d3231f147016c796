"""RunService: executions of agents, and statistics of them."""

from __future__ import annotations

from holdfastdb.v1 import run_service_pb2 as pb
from holdfastdb.v1.run_service_pb2_grpc import RunServiceServicer
from holdfastdb_server.domain.ids import check_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import paging, runs
from holdfastdb_server.rpc.convert.scalars import read_precondition


class RunService(RunServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._runs = store.runs

    async def StartRun(self, request: pb.StartRunRequest, context: Context) -> pb.StartRunResponse:
        run = await self._runs.start(namespace(), runs.read_draft(request))
        return runs.write_run(pb.StartRunResponse(), run)

    async def UpdateRun(self, request: pb.UpdateRunRequest, context: Context) -> pb.UpdateRunResponse:
        run = await self._runs.update(
            namespace(),
            check_id("run.run_id", request.run.run_id),
            runs.read_change(request),
            *read_precondition(request),
        )
        return runs.write_run(pb.UpdateRunResponse(), run)

    async def FinishRun(self, request: pb.FinishRunRequest, context: Context) -> pb.FinishRunResponse:
        run = await self._runs.finish(
            namespace(),
            check_id("run_id", request.run_id),
            runs.read_end(request),
            *read_precondition(request),
        )
        return runs.write_run(pb.FinishRunResponse(), run)

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        run = await self._runs.get(namespace(), check_id("run_id", request.run_id))
        return runs.write_run(pb.GetRunResponse(), run)

    async def ListRuns(self, request: pb.ListRunsRequest, context: Context) -> pb.ListRunsResponse:
        wanted, scope = paging.read_page(paging.RUNS, request)
        where = runs.read_filter(request.filter)
        page = await self._runs.list(namespace(), where, wanted, omit_payload=request.omit_payload)
        return paging.write_page(runs.write_runs(page.items), scope, page)

    async def SummarizeRuns(
        self, request: pb.SummarizeRunsRequest, context: Context
    ) -> pb.SummarizeRunsResponse:
        groups, bucket = runs.read_groups(request)
        where = runs.read_filter(request.filter)
        return runs.write_summaries(await self._runs.summarize(namespace(), where, groups, bucket))
