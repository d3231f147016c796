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
    TokenUsage,
)
from holdfastdb_server.domain.values import check_bucket
from holdfastdb_server.rpc.convert.enums import read_enums
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import read_optional_duration, read_optional_time

ResponseT = TypeVar(
    "ResponseT", pb.StartRunResponse, pb.UpdateRunResponse, pb.FinishRunResponse, pb.GetRunResponse
)


def read_draft(request: pb.StartRunRequest) -> RunDraft:
    """Return the run to start, with a new id if the request has none."""
    run = request.run
    return read_fields(
        run, RunDraft, "run.", run_id=run.run_id or new_id(), results=_read_results(run)
    ).checked()


def read_change(request: pb.UpdateRunRequest) -> RunChange:
    """Return the change, by the update mask or by merging."""
    run = request.run
    allowed = ("status", *RunResults.__struct_fields__)
    replaced, merges = read_mask(request.update_mask, run, allowed)
    is_running = "status" in replaced
    if is_running and run.status != pb.RUN_STATUS_RUNNING:
        raise InvalidField("run.status", "can only become RUNNING here; FinishRun ends a run")
    return RunChange(_read_results(run), replaced - {"status"}, merges, is_running).checked()


def read_end(request: pb.FinishRunRequest) -> RunEnd:
    """Return the end of the run."""
    usage = read_fields(request.usage, TokenUsage) if request.HasField("usage") else None
    return read_fields(request, RunEnd, usage=usage).checked()


def read_filter(where: pb.RunFilter) -> RunFilter:
    """Return the condition on runs in the field `filter` of a request."""
    return read_fields(
        where,
        RunFilter,
        "filter.",
        kinds=tuple(dict.fromkeys(where.kinds)),
        started_from=read_optional_time(where, "start_time_from", "filter."),
        started_until=read_optional_time(where, "start_time_until", "filter."),
    ).checked()


def read_groups(request: pb.SummarizeRunsRequest) -> tuple[tuple[RunGrouping, ...], int]:
    """Return what to group by, and the length of a time bucket in seconds."""
    groups = read_enums("group_by", request.group_by, RunGrouping)
    return groups, check_bucket(read_optional_duration(request, "bucket"), RunGrouping.TIME in groups)


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
    """Return the response of SummarizeRuns."""
    response = pb.SummarizeRunsResponse()
    for summary in summaries:
        target = response.summaries.add()
        write_fields(target, summary)
        _write_usage(target.usage, summary.usage)
        if summary.success_rate is not None:
            target.success_rate = summary.success_rate
    return response


def _read_results(run: pb.Run) -> RunResults:
    return read_fields(run, RunResults, "run.", usage=read_fields(run.usage, TokenUsage))


def _write_usage(target: pb.TokenUsage, usage: TokenUsage) -> None:
    target.SetInParent()
    write_fields(target, usage)


def _write_run(target: pb.Run, run: Run) -> None:
    write_fields(target, run)
    write_fields(target, run.results)
    _write_usage(target.usage, run.results.usage)
