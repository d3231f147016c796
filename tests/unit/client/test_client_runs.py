"""What the methods of runs send, and what they make of the answers."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfastdb
from holdfastdb import Json, RunStatus, TokenUsage
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import run_service_pb2 as pb
from tests.unit.client.scripted import Script

RUN = pb.Run(run_id="r", status=pb.RUN_STATUS_FAILED, output=payload_pb2.Payload(json="[1.50]"), error="bad")
RUN.start_time.FromSeconds(60)
RUN.end_time.FromSeconds(90)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Start", "Get", "Update", "Finish"):
        script.on(f"{verb}Run", getattr(pb, f"{verb}RunResponse")(run=RUN))
    script.on("ListRuns", pb.ListRunsResponse(runs=[RUN], total_size=1))


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_start_and_the_fields_of_a_run(script: Script, client: holdfastdb.AsyncClient) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    run = await client.runs.start("r", agent_id="a", kind="scan", input={"a": 1}, start_time=start)
    sent = script.calls[-1].request.run
    assert (sent.run_id, sent.agent_id, sent.kind, sent.input.json) == ("r", "a", "scan", '{"a":1}')
    assert sent.start_time.ToDatetime(tzinfo=UTC) == start
    assert run.status is RunStatus.FAILED
    assert run.status.is_final
    assert (run.input, run.output, run.error) == (None, Json("[1.50]"), "bad")
    assert run.duration == timedelta(seconds=30)
    bare = (await last(script, client.runs.start())).run
    uuid.UUID(bare.run_id)
    assert not bare.HasField("input")
    assert (await last(script, client.runs.start(input=Json("null")))).run.input.json == "null"


async def test_an_update_merges_unless_told_to_replace(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    request = await last(script, client.runs.update("r", status=RunStatus.RUNNING, expected_version=3))
    assert not request.HasField("update_mask")
    assert not request.run.HasField("usage")
    assert (request.run.status, request.expected_version) == (pb.RUN_STATUS_RUNNING, 3)
    uuid.UUID(request.request_id)
    call = client.runs.update("r", error="", usage=TokenUsage(), labels={}, replace=True)
    request = await last(script, call)
    assert list(request.update_mask.paths) == ["error", "usage", "labels"]
    assert request.run.HasField("usage")
    with pytest.raises(holdfastdb.InvalidArgument, match="replace=True"):
        await client.runs.update("r", error="")


async def test_the_three_ends(script: Script, client: holdfastdb.AsyncClient) -> None:
    usage = TokenUsage(input_tokens=5, reasoning_output_tokens=2)
    request = await last(script, client.runs.complete("r", [1], usage=usage))
    assert (request.status, request.output.json) == (pb.RUN_STATUS_COMPLETED, "[1]")
    assert (request.usage.input_tokens, request.usage.reasoning_output_tokens) == (5, 2)
    request = await last(script, client.runs.fail("r", "bad"))
    assert (request.status, request.error) == (pb.RUN_STATUS_FAILED, "bad")
    assert not request.HasField("output")
    request = await last(script, client.runs.cancel("r", "enough"))
    assert (request.status, request.error) == (pb.RUN_STATUS_CANCELLED, "enough")


async def test_a_list_passes_its_filter(script: Script, client: holdfastdb.AsyncClient) -> None:
    pager = client.runs.list(
        statuses=[RunStatus.FAILED], kinds=["scan"], agent_id="a", metadata={"n": 1}, omit_payload=True
    )
    request = await last(script, pager.page())
    assert list(request.filter.statuses) == [pb.RUN_STATUS_FAILED]
    assert (list(request.filter.kinds), request.filter.agent_id) == (["scan"], "a")
    assert dict(request.filter.metadata) == {"n": 1}
    assert request.omit_payload
    bad: Any = "sleeping"
    with pytest.raises(holdfastdb.InvalidArgument, match="'sleeping' is not one of started"):
        client.runs.list(statuses=[bad])


async def test_summaries(script: Script, client: holdfastdb.AsyncClient) -> None:
    full = pb.RunSummary(agent_id="a", status=pb.RUN_STATUS_RUNNING, run_count=3, success_rate=0.5)
    full.p50_duration.FromMilliseconds(1_500)
    full.bucket_time.FromSeconds(60)
    script.on("SummarizeRuns", pb.SummarizeRunsResponse(summaries=[full, pb.RunSummary(run_count=1)]))
    first, second = await client.runs.summarize(["agent", "time"], bucket=timedelta(hours=1), agent_id="a")
    request = script.calls[-1].request
    assert list(request.group_by) == [pb.RUN_GROUPING_AGENT, pb.RUN_GROUPING_TIME]
    assert (request.bucket.seconds, request.filter.agent_id) == (3600, "a")
    assert (first.agent_id, first.status, first.success_rate) == ("a", RunStatus.RUNNING, 0.5)
    assert (first.p50_duration, first.p95_duration) == (timedelta(seconds=1.5), None)
    assert first.bucket_time == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert (second.status, second.success_rate, second.bucket_time) == (None, None, None)
    bad: Any = "weather"
    with pytest.raises(holdfastdb.InvalidArgument, match="group_by"):
        await client.runs.summarize([bad])
