"""Runs, and statistics of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Unpack

from holdfastdb._arguments import require_text
from holdfastdb._convert.enums import to_enum, to_enums, to_order
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import to_optional_payload
from holdfastdb._convert.runs import from_run, from_run_summary, to_run_filter, to_usage
from holdfastdb._convert.structs import to_struct
from holdfastdb._convert.times import to_duration, to_timestamp
from holdfastdb._convert.updates import to_update
from holdfastdb._ids import id_or_new, new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.pages import Order
from holdfastdb.types.runs import Run, RunFilter, RunGrouping, RunStatus, RunSummary, TokenUsage
from holdfastdb.v1 import run_service_pb2 as pb


class AsyncRuns:
    """`client.runs`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def start(
        self,
        run_id: str | None = None,
        *,
        agent_id: str = "",
        kind: str = "",
        session_id: str = "",
        parent_run_id: str = "",
        task_id: str = "",
        input: object = None,  # noqa: A002 -- the contract's name
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        trace_id: str = "",
        start_time: datetime | None = None,
        timeout: float | None = None,
    ) -> Run:
        """Record that a run has started. Without a `run_id` it gets a new one.

            run = await client.runs.start(agent_id="planner", session_id="order-42", input={"goal": "refund"})
            ...
            await client.runs.complete(run.run_id, {"refunded": True}, usage=TokenUsage(input_tokens=900))

        Repeating a `run_id` with the same content returns the run as it is now; with other content it raises
        AlreadyExists. `input` is any JSON value, bytes, `Json` or `Data`; None is no input. An empty `kind`
        means `agent`. Raises NotFound if the session does not exist.
        """
        run = build(
            "",
            pb.Run,
            run_id=new_id() if run_id is None else run_id,
            agent_id=agent_id,
            kind=kind,
            session_id=session_id,
            parent_run_id=parent_run_id,
            task_id=task_id,
            input=to_optional_payload(input, "input"),
            labels=to_labels(labels),
            metadata=to_struct(metadata),
            trace_id=trace_id,
            start_time=to_timestamp(start_time, "start_time"),
        )
        stub = self._connection.stubs.runs
        request = pb.StartRunRequest(run=run)
        return from_run((await self._connection.call(stub.StartRun, request, timeout)).run)

    async def get(self, run_id: str, *, timeout: float | None = None) -> Run:
        """The run. Raises NotFound."""
        request = build("", pb.GetRunRequest, run_id=run_id)
        return from_run(
            (await self._connection.call(self._connection.stubs.runs.GetRun, request, timeout)).run
        )

    def list(
        self,
        *,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[RunFilter],
    ) -> AsyncPager[Run]:
        """Runs by start time, newest first unless `order` says otherwise.

            async for run in client.runs.list(agent_id="planner", statuses=[RunStatus.FAILED]):
                print(run.run_id, run.error)

        The conditions are those of `RunFilter`. `omit_payload` leaves input and output out. `page_size` is 20
        unless given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListRunsRequest,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            include_total_size=include_total_size,
            omit_payload=omit_payload,
            filter=to_run_filter(conditions),
        )
        return paged(
            self._connection,
            lambda stubs: stubs.runs.ListRuns,
            request,
            timeout,
            lambda page: map(from_run, page.runs),
        )

    async def update(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        output: object = None,
        error: str | None = None,
        usage: TokenUsage | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        replace: bool = False,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Run:
        """Change what is given, and return the run as it is then.

            await client.runs.update(run.run_id, status=RunStatus.RUNNING)
            await client.runs.update(run.run_id, output={"so far": 3}, usage=usage)

        The only `status` to set here is RUNNING. Without `replace`, `labels` are added to and `metadata` is
        merged (RFC 7396: None removes its key). With `replace`, each field that is given becomes exactly
        that, also when it is empty. Concurrent updates are applied one after the other, none is lost. Raises
        NotFound, VersionMismatch, ResourceExhausted, and FailedPrecondition when the run has ended: then only
        labels and metadata can be changed.
        """
        changes = {
            "status": None if status is None else to_enum(pb.RunStatus, status, "status"),
            "output": to_optional_payload(output, "output"),
            "error": error,
            "usage": to_usage(usage),
            "labels": to_labels(labels),
            "metadata": to_struct(metadata),
        }
        request = to_update(
            pb.UpdateRunRequest,
            "run",
            pb.Run,
            {"run_id": run_id},
            changes,
            replace=replace,
            expected_version=expected_version,
            request_id=request_id,
        )
        stub = self._connection.stubs.runs
        return from_run((await self._connection.call(stub.UpdateRun, request, timeout)).run)

    async def finish(
        self,
        run_id: str,
        status: RunStatus,
        *,
        output: object = None,
        error: str = "",
        usage: TokenUsage | None = None,
        end_time: datetime | None = None,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Run:
        """End a run: COMPLETED, FAILED or CANCELLED, for good. What is not given stays as it is.

        `complete`, `fail` and `cancel` are shorter forms. Raises NotFound, VersionMismatch,
        ResourceExhausted, and FailedPrecondition when the run has ended already.
        """
        request = build(
            "",
            pb.FinishRunRequest,
            run_id=run_id,
            status=to_enum(pb.RunStatus, status, "status"),
            output=to_optional_payload(output, "output"),
            error=error,
            usage=to_usage(usage),
            end_time=to_timestamp(end_time, "end_time"),
            expected_version=expected_version,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.runs
        return from_run((await self._connection.call(stub.FinishRun, request, timeout)).run)

    async def complete(
        self,
        run_id: str,
        output: object = None,
        *,
        usage: TokenUsage | None = None,
        timeout: float | None = None,
    ) -> Run:
        """End a run as COMPLETED. See `finish`."""
        return await self.finish(run_id, RunStatus.COMPLETED, output=output, usage=usage, timeout=timeout)

    async def fail(
        self,
        run_id: str,
        error: str = "",
        *,
        output: object = None,
        usage: TokenUsage | None = None,
        timeout: float | None = None,
    ) -> Run:
        """End a run as FAILED. See `finish`."""
        return await self.finish(
            run_id, RunStatus.FAILED, error=error, output=output, usage=usage, timeout=timeout
        )

    async def cancel(
        self,
        run_id: str,
        reason: str = "",
        *,
        output: object = None,
        usage: TokenUsage | None = None,
        timeout: float | None = None,
    ) -> Run:
        """End a run as CANCELLED; the reason is kept as its `error`. See `finish`."""
        return await self.finish(
            run_id,
            RunStatus.CANCELLED,
            error=require_text(reason, "reason"),
            output=output,
            usage=usage,
            timeout=timeout,
        )

    async def summarize(
        self,
        group_by: Iterable[RunGrouping] = (),
        *,
        bucket: timedelta | None = None,
        timeout: float | None = None,
        **conditions: Unpack[RunFilter],
    ) -> tuple[RunSummary, ...]:
        """How many runs there were, how they ended, how long they took and what they used.

            for one in await client.runs.summarize(["agent", "time"], bucket=timedelta(days=1)):
                print(one.bucket_time, one.agent_id, one.run_count, one.success_rate, one.p95_duration)

        By `"agent"`, `"kind"`, `"status"`, `"time"` or several, or all of them as one group. `"time"` goes by
        the start and needs a `bucket` of whole seconds. The conditions are those of `RunFilter`. Ordered by
        bucket, agent, kind and status. Raises ResourceExhausted for more than 10,000 groups.
        """
        request = build(
            "",
            pb.SummarizeRunsRequest,
            group_by=to_enums(pb.RunGrouping, group_by, "group_by"),
            bucket=to_duration(bucket, "bucket"),
            filter=to_run_filter(conditions),
        )
        answer = await self._connection.call(self._connection.stubs.runs.SummarizeRuns, request, timeout)
        return tuple(from_run_summary(summary) for summary in answer.summaries)
