"""Runs."""

from __future__ import annotations

from dataclasses import asdict

from holdfastdb._arguments import require, require_known, require_texts
from holdfastdb._convert.enums import from_enum, to_enums
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import from_optional_payload
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import (
    from_optional_duration,
    from_optional_timestamp,
    from_timestamp,
    to_timestamp,
)
from holdfastdb.types.runs import Run, RunFilter, RunStatus, RunSummary, TokenUsage
from holdfastdb.v1 import run_service_pb2 as pb


def to_run_filter(conditions: RunFilter) -> pb.RunFilter | None:
    require_known(conditions, RunFilter)
    if not conditions:
        return None
    return build(
        "filter.",
        pb.RunFilter,
        statuses=to_enums(pb.RunStatus, conditions.get("statuses", ()), "filter.statuses"),
        kinds=require_texts(conditions.get("kinds", ()), "filter.kinds"),
        agent_id=conditions.get("agent_id", ""),
        session_id=conditions.get("session_id", ""),
        task_id=conditions.get("task_id", ""),
        parent_run_id=conditions.get("parent_run_id", ""),
        trace_id=conditions.get("trace_id", ""),
        labels=to_labels(conditions.get("labels"), "filter.labels"),
        metadata=to_struct(conditions.get("metadata"), "filter.metadata"),
        start_time_from=to_timestamp(conditions.get("start_time_from"), "filter.start_time_from"),
        start_time_until=to_timestamp(conditions.get("start_time_until"), "filter.start_time_until"),
    )


def to_usage(usage: TokenUsage | None) -> pb.TokenUsage | None:
    if usage is None:
        return None
    return build("usage.", pb.TokenUsage, **asdict(require(usage, TokenUsage, "usage", "a TokenUsage")))


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
        status=from_enum(RunStatus, pb.RunStatus, message.status),
        input=from_optional_payload(message, "input"),
        output=from_optional_payload(message, "output"),
        error=message.error,
        usage=from_usage(message.usage),
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        trace_id=message.trace_id,
        start_time=from_timestamp(message.start_time),
        end_time=from_optional_timestamp(message, "end_time"),
        version=message.version,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )


def from_run_summary(message: pb.RunSummary) -> RunSummary:
    return RunSummary(
        agent_id=message.agent_id,
        kind=message.kind,
        status=from_enum(RunStatus, pb.RunStatus, message.status) if message.status else None,
        bucket_time=from_optional_timestamp(message, "bucket_time"),
        run_count=message.run_count,
        completed_count=message.completed_count,
        failed_count=message.failed_count,
        cancelled_count=message.cancelled_count,
        success_rate=message.success_rate if message.HasField("success_rate") else None,
        p50_duration=from_optional_duration(message, "p50_duration"),
        p95_duration=from_optional_duration(message, "p95_duration"),
        usage=from_usage(message.usage),
    )
