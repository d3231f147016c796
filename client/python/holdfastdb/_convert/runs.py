"""Between the contract's messages and the client's dataclasses: runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import get_args

from holdfastdb._convert.sessions import from_payload_message, lookup, to_time
from holdfastdb._convert.values import build, from_struct, from_timestamp, to_struct, to_timestamp
from holdfastdb.types.runs import Run, RunFilter, RunGrouping, RunStatus, RunSummary, TokenUsage
from holdfastdb.v1 import run_service_pb2 as pb

_STATUSES = {status: pb.RunStatus.Value(f"RUN_STATUS_{status.name}") for status in RunStatus}
_STATUSES_BACK = {number: status for status, number in _STATUSES.items()}
_GROUPINGS: dict[RunGrouping, pb.RunGrouping.ValueType] = {
    name: pb.RunGrouping.Value(f"RUN_GROUPING_{name.upper()}") for name in get_args(RunGrouping)
}


def to_run_status(status: RunStatus, path: str = "status") -> pb.RunStatus.ValueType:
    return lookup(_STATUSES, status, path)


def to_run_groupings(groups: Iterable[RunGrouping]) -> list[pb.RunGrouping.ValueType]:
    return [lookup(_GROUPINGS, group, f"group_by[{index}]") for index, group in enumerate(groups)]


def to_run_filter(conditions: RunFilter) -> pb.RunFilter | None:
    if not conditions:
        return None
    return build(
        "filter.",
        pb.RunFilter,
        statuses=[to_run_status(status, "filter.statuses") for status in conditions.get("statuses", ())],
        kinds=list(conditions.get("kinds", ())),
        agent_id=conditions.get("agent_id", ""),
        session_id=conditions.get("session_id", ""),
        task_id=conditions.get("task_id", ""),
        parent_run_id=conditions.get("parent_run_id", ""),
        trace_id=conditions.get("trace_id", ""),
        labels=conditions.get("labels"),
        metadata=to_struct(conditions.get("metadata"), "filter.metadata"),
        start_time_from=to_timestamp(conditions.get("start_time_from"), "filter.start_time_from"),
        start_time_until=to_timestamp(conditions.get("start_time_until"), "filter.start_time_until"),
    )


def to_usage(usage: TokenUsage | None, path: str) -> pb.TokenUsage | None:
    return None if usage is None else build(f"{path}.", pb.TokenUsage, **asdict(usage))


def from_usage(message: pb.TokenUsage) -> TokenUsage:
    return TokenUsage(
        input_tokens=message.input_tokens,
        output_tokens=message.output_tokens,
        cache_read_input_tokens=message.cache_read_input_tokens,
        cache_creation_input_tokens=message.cache_creation_input_tokens,
        reasoning_output_tokens=message.reasoning_output_tokens,
    )


def from_run(message: pb.Run) -> Run:
    return Run(
        run_id=message.run_id,
        session_id=message.session_id,
        parent_run_id=message.parent_run_id,
        task_id=message.task_id,
        agent_id=message.agent_id,
        kind=message.kind,
        status=_STATUSES_BACK[message.status],
        input=from_payload_message(message.input) if message.HasField("input") else None,
        output=from_payload_message(message.output) if message.HasField("output") else None,
        error=message.error,
        usage=from_usage(message.usage),
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        trace_id=message.trace_id,
        start_time=from_timestamp(message.start_time),
        end_time=to_time(message.end_time, message.HasField("end_time")),
        version=message.version,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )


def from_run_summary(message: pb.RunSummary) -> RunSummary:
    p50, p95 = message.HasField("p50_duration"), message.HasField("p95_duration")
    return RunSummary(
        agent_id=message.agent_id,
        kind=message.kind,
        status=_STATUSES_BACK[message.status] if message.status else None,
        bucket_time=to_time(message.bucket_time, message.HasField("bucket_time")),
        run_count=message.run_count,
        completed_count=message.completed_count,
        failed_count=message.failed_count,
        cancelled_count=message.cancelled_count,
        success_rate=message.success_rate if message.HasField("success_rate") else None,
        p50_duration=message.p50_duration.ToTimedelta() if p50 else None,
        p95_duration=message.p95_duration.ToTimedelta() if p95 else None,
        usage=from_usage(message.usage),
    )
