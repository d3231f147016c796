"""Runs between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import run_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.limits import PAYLOAD_BYTES, RUN_TOKENS
from holdfastdb_server.domain.runs.reports import RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import Run, RunResults, RunStatus, TokenUsage
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import runs

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
USAGE = pb.TokenUsage(
    input_tokens=1,
    output_tokens=2,
    cache_read_input_tokens=3,
    cache_creation_input_tokens=4,
    reasoning_output_tokens=5,
)


def _struct(value: dict[str, Any]) -> Struct:
    return ParseDict(value, Struct())


def _time(time: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def a_run(status: RunStatus = RunStatus.STARTED) -> Run:
    return Run(
        run_id="r",
        session_id="s",
        parent_run_id="p",
        task_id="t",
        agent_id="a",
        kind="scan",
        trace_id="x",
        input=Payload(json="[1]"),
        status=status,
        results=RunResults(Payload(data=b"\0"), "bad", TokenUsage(1, 2, 3, 4, 5), {"k": "v"}, {"n": 3}),
        version=2,
        start_time=NOON,
        end_time=NOON + timedelta(hours=1) if status.is_final else None,
        create_time=NOON,
        update_time=NOON,
    )


def test_a_run_has_all_of_its_fields() -> None:
    written = runs.write_run(pb.GetRunResponse(), a_run(RunStatus.FAILED)).run
    assert written == pb.Run(
        run_id="r",
        session_id="s",
        parent_run_id="p",
        task_id="t",
        agent_id="a",
        kind="scan",
        trace_id="x",
        status=pb.RUN_STATUS_FAILED,
        input=payload_pb2.Payload(json="[1]"),
        output=payload_pb2.Payload(data=b"\0"),
        error="bad",
        usage=USAGE,
        labels={"k": "v"},
        metadata=_struct({"n": 3}),
        version=2,
        start_time=_time(NOON),
        end_time=_time(NOON + timedelta(hours=1)),
        create_time=_time(NOON),
        update_time=_time(NOON),
    )


@pytest.mark.parametrize("status", RunStatus)
def test_each_status_has_its_number(status: RunStatus) -> None:
    written = runs.write_run(pb.GetRunResponse(), a_run(status)).run
    assert pb.RunStatus.Name(written.status) == f"RUN_STATUS_{status.name}"


def test_a_draft_has_all_that_a_run_can_be_started_with() -> None:
    written = runs.write_run(pb.GetRunResponse(), a_run(RunStatus.FAILED)).run
    draft = runs.read_draft(pb.StartRunRequest(run=written))
    assert draft.results == a_run().results
    for name in ("run_id", "session_id", "parent_run_id", "task_id", "agent_id", "kind", "trace_id", "input"):
        assert getattr(draft, name) == getattr(a_run(), name)
    assert draft.start_time == NOON


def test_a_draft_of_nothing_gets_an_id_and_a_kind() -> None:
    draft = runs.read_draft(pb.StartRunRequest())
    assert UUID(draft.run_id).version == 7
    assert (draft.kind, draft.input, draft.start_time, draft.results) == ("agent", None, None, RunResults())


@pytest.mark.parametrize(
    ("run", "field"),
    [
        (pb.Run(agent_id="a\nb"), "run.agent_id"),
        (pb.Run(kind="x" * 256), "run.kind"),
        (pb.Run(error="x" * 65_537), "run.error"),
        (pb.Run(error="\0"), "run.error"),
        (pb.Run(input=payload_pb2.Payload()), "run.input"),
        (pb.Run(output=payload_pb2.Payload(json="{")), "run.output.json"),
        (pb.Run(usage=pb.TokenUsage(output_tokens=-1)), "run.usage.output_tokens"),
        (pb.Run(usage=pb.TokenUsage(input_tokens=RUN_TOKENS + 1)), "run.usage.input_tokens"),
        (pb.Run(labels={"": "v"}), "run.labels"),
        (pb.Run(start_time=Timestamp(nanos=-1)), "run.start_time"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(run: pb.Run, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        runs.read_draft(pb.StartRunRequest(run=run))
    assert refusal.value.field == field


def test_input_and_output_are_bounded_together() -> None:
    half = payload_pb2.Payload(data=bytes(PAYLOAD_BYTES // 2 + 1))
    with pytest.raises(InvalidField) as refusal:
        runs.read_draft(pb.StartRunRequest(run=pb.Run(input=half, output=half)))
    assert refusal.value.field == "run.output"


def test_an_update_without_a_mask_takes_what_is_there() -> None:
    run = pb.Run(status=pb.RUN_STATUS_RUNNING, error="e", usage=pb.TokenUsage())
    change = runs.read_change(pb.UpdateRunRequest(run=run))
    assert (change.is_running, change.replaced, change.merges) == (True, frozenset({"error", "usage"}), True)
    assert change.results == RunResults(error="e")
    assert runs.read_change(pb.UpdateRunRequest()).replaced == frozenset()


def test_an_update_with_a_mask_replaces_what_it_lists() -> None:
    run = pb.Run(status=pb.RUN_STATUS_RUNNING)
    request = pb.UpdateRunRequest(run=run, update_mask=FieldMask(paths=["status", "usage"]))
    change = runs.read_change(request)
    assert (change.is_running, change.replaced) == (True, frozenset({"usage"}))
    request.update_mask.paths[:] = ["status"]
    assert runs.read_change(request).replaced == frozenset()
    request.update_mask.paths[:] = ["error"]
    assert not runs.read_change(request).is_running


@pytest.mark.parametrize(
    "request_", [
        pb.UpdateRunRequest(run=pb.Run(status=pb.RUN_STATUS_COMPLETED)),
        pb.UpdateRunRequest(run=pb.Run(status=pb.RUN_STATUS_STARTED)),
        pb.UpdateRunRequest(update_mask=FieldMask(paths=["status"])),
    ],
)  # fmt: skip
def test_an_update_sets_no_status_but_running(request_: pb.UpdateRunRequest) -> None:
    with pytest.raises(InvalidField) as refusal:
        runs.read_change(request_)
    assert refusal.value.field == "run.status"


@pytest.mark.parametrize("path", ["run_id", "input", "version", "*", ""])
def test_an_unknown_path_in_a_mask_is_refused(path: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        runs.read_change(pb.UpdateRunRequest(update_mask=FieldMask(paths=["error", path])))
    assert refusal.value.field == "update_mask"


@pytest.mark.parametrize("number", [0, pb.RUN_STATUS_STARTED, pb.RUN_STATUS_RUNNING])
def test_no_run_ends_with_a_status_that_is_not_final(number: pb.RunStatus.ValueType) -> None:
    with pytest.raises(InvalidField) as refusal:
        runs.read_end(pb.FinishRunRequest(run_id="r", status=number))
    assert refusal.value.field == "status"


def test_an_end_has_all_of_its_fields() -> None:
    request = pb.FinishRunRequest(
        status=pb.RUN_STATUS_CANCELLED,
        output=payload_pb2.Payload(json="1"),
        error="e",
        usage=USAGE,
        end_time=_time(NOON),
    )
    end = runs.read_end(request)
    assert (end.status, end.output, end.error) == (RunStatus.CANCELLED, Payload(json="1"), "e")
    assert (end.usage, end.end_time) == (TokenUsage(1, 2, 3, 4, 5), NOON)


def test_a_filter_has_all_of_its_conditions() -> None:
    where = runs.read_filter(
        pb.RunFilter(
            statuses=[pb.RUN_STATUS_FAILED, pb.RUN_STATUS_FAILED],
            kinds=["scan", "scan"],
            agent_id="a",
            session_id="s",
            task_id="t",
            parent_run_id="p",
            trace_id="x",
            labels={"k": "v"},
            metadata=_struct({"n": 3}),
            start_time_from=_time(NOON),
            start_time_until=_time(NOON + timedelta(hours=1)),
        )
    )
    assert (where.statuses, where.kinds) == ((RunStatus.FAILED,), ("scan",))
    names = ("agent_id", "session_id", "task_id", "parent_run_id", "trace_id")
    assert "".join(getattr(where, name) for name in names) == "astpx"
    assert (where.labels, where.metadata) == ({"k": "v"}, {"n": 3})
    assert (where.started_from, where.started_until) == (NOON, NOON + timedelta(hours=1))


def test_a_filter_names_what_it_refuses() -> None:
    for where, field in (
        (pb.RunFilter(kinds=["a", ""]), "filter.kinds[1]"),
        (pb.RunFilter(statuses=[99]), "filter.statuses[0]"),  # type: ignore[list-item]
        (pb.RunFilter(metadata=_struct({"deep": {}})), "filter.metadata.deep"),
    ):
        with pytest.raises(InvalidField) as refusal:
            runs.read_filter(where)
        assert refusal.value.field == field


def test_groups_and_their_bucket() -> None:
    request = pb.SummarizeRunsRequest(group_by=[pb.RUN_GROUPING_AGENT, pb.RUN_GROUPING_AGENT])
    assert runs.read_groups(request) == ((RunGrouping.AGENT,), 0)
    request = pb.SummarizeRunsRequest(group_by=[pb.RUN_GROUPING_TIME], bucket=Duration(seconds=60))
    assert runs.read_groups(request) == ((RunGrouping.TIME,), 60)
    for bad in (None, Duration(seconds=1, nanos=1_000), Duration(seconds=0)):
        request = pb.SummarizeRunsRequest(group_by=[pb.RUN_GROUPING_TIME], bucket=bad)
        with pytest.raises(InvalidField):
            runs.read_groups(request)


def test_a_summary_leaves_out_what_there_is_none_of() -> None:
    empty = RunSummary(1, 0, 0, 0, None, None, TokenUsage())
    full = RunSummary(
        8,
        3,
        1,
        2,
        timedelta(seconds=1.5),
        timedelta(0),
        TokenUsage(1, 2, 3, 4, 5),
        "a",
        "k",
        RunStatus.RUNNING,
        NOON,
    )
    first, second = runs.write_summaries([empty, full]).summaries
    assert first == pb.RunSummary(run_count=1, usage=pb.TokenUsage())
    assert second == pb.RunSummary(
        agent_id="a",
        kind="k",
        status=pb.RUN_STATUS_RUNNING,
        bucket_time=_time(NOON),
        run_count=8,
        completed_count=3,
        failed_count=1,
        cancelled_count=2,
        success_rate=0.75,
        p50_duration=Duration(seconds=1, nanos=500_000_000),
        p95_duration=Duration(),
        usage=USAGE,
    )
