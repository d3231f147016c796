"""Runs, and requests about them, between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import run_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import (
    Run,
    RunChange,
    RunDraft,
    RunEnd,
    RunResults,
    RunStatus,
    TokenUsage,
)
from holdfastdb_server.domain.values import check_bucket, check_metadata_filter
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_mask,
    read_optional_duration,
    read_optional_payload,
    read_optional_time,
    read_struct,
    write_duration,
    write_payload,
    write_struct,
    write_time,
)

ResponseT = TypeVar(
    "ResponseT", pb.StartRunResponse, pb.UpdateRunResponse, pb.FinishRunResponse, pb.GetRunResponse
)

_NUMBERS = {status: pb.RunStatus.Value(f"RUN_STATUS_{status.name}") for status in RunStatus}
_STATUSES: dict[int, RunStatus] = {number: status for status, number in _NUMBERS.items()}
_GROUPINGS: dict[int, RunGrouping] = {
    pb.RunGrouping.Value(f"RUN_GROUPING_{group.name}"): group for group in RunGrouping
}

_MASK_PATHS = {name: name for name in ("status", "output", "error", "usage", "labels", "metadata")}


def read_draft(request: pb.StartRunRequest) -> RunDraft:
    """Return the run to start, with a new id if the caller chose none."""
    run = request.run
    return RunDraft(
        run_id=run.run_id or new_id(),
        session_id=run.session_id,
        parent_run_id=run.parent_run_id,
        task_id=run.task_id,
        agent_id=run.agent_id,
        kind=run.kind,
        trace_id=run.trace_id,
        input=read_optional_payload(run, "input"),
        start_time=read_optional_time(run, "start_time", "run."),
        results=RunResults(
            output=read_optional_payload(run, "output"),
            error=run.error,
            usage=_read_usage(run.usage),
            labels=dict(run.labels),
            metadata=read_struct("run.metadata", run.metadata),
        ),
    ).checked()


def read_change(request: pb.UpdateRunRequest) -> RunChange:
    """Return the change, by mask or by merging."""
    run = request.run
    replaced = read_mask(request.update_mask, _MASK_PATHS)
    wants_status = bool(run.status) if replaced is None else "status" in replaced
    if wants_status and run.status != pb.RUN_STATUS_RUNNING:
        raise InvalidField("run.status", "can only become RUNNING here; FinishRun ends a run")
    return RunChange(
        is_running=wants_status,
        output=read_optional_payload(run, "output"),
        error=run.error,
        usage=_read_usage(run.usage) if run.HasField("usage") else None,
        labels=dict(run.labels),
        metadata=read_struct("run.metadata", run.metadata),
        replaced=None if replaced is None else replaced - {"status"},
    ).checked()


def read_end(request: pb.FinishRunRequest) -> RunEnd:
    """Return how the run ends."""
    return RunEnd(
        status=read_choice("status", request.status, _STATUSES),
        output=read_optional_payload(request, "output"),
        error=request.error,
        usage=_read_usage(request.usage) if request.HasField("usage") else None,
        end_time=read_optional_time(request, "end_time"),
    ).checked()


def read_filter(where: pb.RunFilter) -> RunFilter:
    """Return which runs to list or to sum up."""
    statuses = (
        read_choice(f"filter.statuses[{index}]", number, _STATUSES)
        for index, number in enumerate(where.statuses)
    )
    return RunFilter(
        statuses=tuple(dict.fromkeys(statuses)),
        kinds=tuple(dict.fromkeys(where.kinds)),
        agent_id=where.agent_id,
        session_id=where.session_id,
        task_id=where.task_id,
        parent_run_id=where.parent_run_id,
        trace_id=where.trace_id,
        labels=dict(where.labels),
        metadata=check_metadata_filter("filter.metadata", read_struct("filter.metadata", where.metadata)),
        started_from=read_optional_time(where, "start_time_from", "filter."),
        started_until=read_optional_time(where, "start_time_until", "filter."),
    ).checked("filter")


def read_groups(request: pb.SummarizeRunsRequest) -> tuple[list[RunGrouping], int]:
    """Return what to group by, and the length of a time bucket in seconds."""
    groups = (
        read_choice(f"group_by[{index}]", number, _GROUPINGS) for index, number in enumerate(request.group_by)
    )
    wanted = list(dict.fromkeys(groups))
    return wanted, check_bucket(read_optional_duration(request, "bucket"), RunGrouping.TIME in wanted)


def write_run(response: ResponseT, run: Run) -> ResponseT:
    """Return the response with its run."""
    _write_run(response.run, run)
    return response


def write_runs(runs: Sequence[Run]) -> pb.ListRunsResponse:
    """Return a list of runs."""
    response = pb.ListRunsResponse()
    for run in runs:
        _write_run(response.runs.add(), run)
    return response


def write_summaries(summaries: Sequence[RunSummary]) -> pb.SummarizeRunsResponse:
    """Return the answer to a summary."""
    response = pb.SummarizeRunsResponse()
    for summary in summaries:
        target = response.summaries.add()
        target.agent_id = summary.agent_id
        target.kind = summary.kind
        if summary.status is not None:
            target.status = _NUMBERS[summary.status]
        if summary.bucket_time is not None:
            write_time(target.bucket_time, summary.bucket_time)
        target.run_count = summary.run_count
        target.completed_count = summary.completed_count
        target.failed_count = summary.failed_count
        target.cancelled_count = summary.cancelled_count
        if summary.success_rate is not None:
            target.success_rate = summary.success_rate
        if summary.p50_duration is not None:
            write_duration(target.p50_duration, summary.p50_duration)
        if summary.p95_duration is not None:
            write_duration(target.p95_duration, summary.p95_duration)
        _write_usage(target.usage, summary.usage)
    return response


def _read_usage(usage: pb.TokenUsage) -> TokenUsage:
    return TokenUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        reasoning_output_tokens=usage.reasoning_output_tokens,
    )


def _write_usage(target: pb.TokenUsage, usage: TokenUsage) -> None:
    target.SetInParent()
    target.input_tokens = usage.input_tokens
    target.output_tokens = usage.output_tokens
    target.cache_read_input_tokens = usage.cache_read_input_tokens
    target.cache_creation_input_tokens = usage.cache_creation_input_tokens
    target.reasoning_output_tokens = usage.reasoning_output_tokens


def _write_run(target: pb.Run, run: Run) -> None:
    results = run.results
    target.run_id = run.run_id
    target.session_id = run.session_id
    target.parent_run_id = run.parent_run_id
    target.task_id = run.task_id
    target.agent_id = run.agent_id
    target.kind = run.kind
    target.status = _NUMBERS[run.status]
    if run.input is not None:
        target.input.SetInParent()
        write_payload(target.input, run.input)
    if results.output is not None:
        target.output.SetInParent()
        write_payload(target.output, results.output)
    target.error = results.error
    _write_usage(target.usage, results.usage)
    if results.labels:
        target.labels.update(results.labels)
    if results.metadata:
        write_struct(target.metadata, results.metadata)
    target.trace_id = run.trace_id
    write_time(target.start_time, run.start_time)
    if run.end_time is not None:
        write_time(target.end_time, run.end_time)
    target.version = run.version
    write_time(target.create_time, run.create_time)
    write_time(target.update_time, run.update_time)
