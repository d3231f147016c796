"""What the methods of tasks send, and what they make of the answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

import holdfastdb
from holdfastdb import Json, TaskStatus
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import task_service_pb2 as pb
from tests.unit.client.scripted import Failure, Script

TASK = pb.Task(
    task_id="t",
    kind="review",
    status=pb.TASK_STATUS_RUNNING,
    payload=payload_pb2.Payload(json='{"pull": 7}'),
    attempts=2,
    labels={"a": "b"},
)
TASK.lease_expire_time.FromSeconds(60)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Create", "Get", "Update", "Transition", "Release"):
        script.on(f"{verb}Task", getattr(pb, f"{verb}TaskResponse")(task=TASK))
    script.on("DeleteTask", pb.DeleteTaskResponse())
    script.on("ListTasks", pb.ListTasksResponse(tasks=[TASK], total_size=1))
    script.on("ClaimTask", pb.ClaimTaskResponse(task=TASK, lease_token="secret"))


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_create_and_the_fields_of_a_task(script: Script, client: holdfastdb.AsyncClient) -> None:
    task = await client.tasks.create(
        "review", {"pull": 7}, to_role="coder", dedupe_key="repo#7", run_after_time=NOON, priority=3
    )
    sent = script.calls[-1].request.task
    assert (sent.kind, sent.payload.json, sent.to_role, sent.priority) == (
        "review",
        '{"pull":7}',
        "coder",
        3,
    )
    assert sent.run_after_time.ToDatetime(tzinfo=UTC) == NOON
    assert (task.status, task.attempts, task.labels) == (TaskStatus.RUNNING, 2, {"a": "b"})
    assert (task.payload, task.value, task.result) == (Json('{"pull": 7}'), {"pull": 7}, None)
    assert (task.lease_expire_time, task.end_time) == (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), None)


async def test_a_new_task_can_be_repeated_by_its_id_or_its_key(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    uuid.UUID((await last(script, client.tasks.create("k"))).task.task_id)
    assert (await last(script, client.tasks.create("k", task_id="mine"))).task.task_id == "mine"
    request = await last(script, client.tasks.create("k", idempotency_key="i"))
    assert (request.task.task_id, request.task.idempotency_key) == ("", "i")


async def test_an_open_task_in_the_way_is_named(script: Script, client: holdfastdb.AsyncClient) -> None:
    failure = Failure(grpc.StatusCode.ALREADY_EXISTS, reason="OPEN_TASK_EXISTS", metadata={"task_id": "o"})
    script.on("CreateTask", failure)
    with pytest.raises(holdfastdb.AlreadyExists) as caught:
        await client.tasks.create("k", dedupe_key="d")
    assert caught.value.reason == holdfastdb.Reason.OPEN_TASK_EXISTS
    assert caught.value.metadata == {"task_id": "o"}


async def test_an_update_merges_unless_told_to_replace(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    request = await last(script, client.tasks.update("t", phase="x", expected_version=3))
    assert not request.HasField("update_mask")
    assert (request.task.phase, request.expected_version) == ("x", 3)
    uuid.UUID(request.request_id)
    call = client.tasks.update("t", priority=0, run_after_time="now", labels={}, replace=True)
    request = await last(script, call)
    assert list(request.update_mask.paths) == ["priority", "run_after_time", "labels"]
    assert not request.task.HasField("run_after_time")
    for field in ({"priority": 0}, {"phase": ""}, {"run_after_time": "now"}):
        with pytest.raises(holdfastdb.InvalidArgument):
            await client.tasks.update("t", **field)


@pytest.mark.parametrize("value", [0, 0.0, False, "", "now", [], {}, b""])
@pytest.mark.parametrize("replace", [False, True])
async def test_any_value_is_a_payload_also_an_empty_one(
    script: Script, client: holdfastdb.AsyncClient, value: object, replace: bool
) -> None:
    call = client.tasks.update("t", payload=value, result=value, replace=replace)
    task = (await last(script, call)).task
    assert task.payload == task.result
    assert task.payload.data == b"" if value == b"" else json.loads(task.payload.json) == value


async def test_a_move(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = await last(script, client.tasks.transition("t", TaskStatus.SUCCEEDED, result=[1], phase="p"))
    assert (request.status, request.result.json, request.phase) == (pb.TASK_STATUS_SUCCEEDED, "[1]", "p")
    request = await last(script, client.tasks.cancel("t", error="why", actor="ada"))
    assert (request.status, request.error, request.actor) == (pb.TASK_STATUS_CANCELLED, "why", "ada")
    assert not request.HasField("result")


async def test_the_filters_of_a_list(script: Script, client: holdfastdb.AsyncClient) -> None:
    page = await client.tasks.list(
        statuses=[TaskStatus.PENDING],
        kinds=("a", "b"),
        dedupe_key="d",
        metadata={"n": 1},
        create_time_from=NOON,
        omit_payload=True,
    ).page()
    request = script.calls[-1].request
    assert (list(request.statuses), list(request.kinds)) == ([pb.TASK_STATUS_PENDING], ["a", "b"])
    assert (request.dedupe_key, dict(request.metadata), request.omit_payload) == ("d", {"n": 1}, True)
    assert not request.HasField("create_time_until")
    assert [task.task_id for task in page.items] == ["t"]


async def test_a_claim_has_time_for_its_wait(script: Script, client: holdfastdb.AsyncClient) -> None:
    lease = await client.tasks.claim(kinds=["review"], role="coder", wait=30, timeout=5)
    call = script.calls[-1]
    assert (list(call.request.kinds), call.request.role, call.request.wait.seconds) == (
        ["review"],
        "coder",
        30,
    )
    assert ":" in call.request.worker_id
    assert call.time_remaining is not None
    assert 30 < call.time_remaining < 40
    assert lease is not None
    assert (lease.task.task_id, lease.token) == ("t", "secret")
    request = await last(script, client.tasks.claim(worker_id="w", lease_duration=timedelta(hours=1)))
    assert (request.worker_id, request.lease_duration.seconds) == ("w", 3600)


async def test_no_task_is_no_lease(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("ClaimTask", pb.ClaimTaskResponse())
    assert await client.tasks.claim() is None


async def test_a_worker_claims_again_and_again(script: Script, client: holdfastdb.AsyncClient) -> None:
    none, there = pb.ClaimTaskResponse(), pb.ClaimTaskResponse(task=TASK, lease_token="x")
    lost = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, reason="OVERLOADED")
    script.on("ClaimTask", none, there, lost, there)
    got = 0
    async for lease in client.tasks.work(kinds=["review"]):
        assert lease.token == "x"
        got += 1
        if got == 2:
            break
    ids = [request.request_id for request in script.requests("ClaimTask")]
    assert len(ids) == 4
    assert ids[2] == ids[3]  # the answer may have been lost
    assert len(set(ids)) == 3


async def test_a_worker_stops_at_an_error_that_does_not_pass(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("ClaimTask", Failure(grpc.StatusCode.UNAUTHENTICATED))
    with pytest.raises(holdfastdb.Unauthenticated):
        await anext(client.tasks.work())


async def test_a_worker_that_never_reached_the_server_gives_up(script: Script) -> None:
    script.on("ClaimTask", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED))
    async with holdfastdb.connect(script.target, timeout=0.2) as client:
        with pytest.raises(holdfastdb.ResourceExhausted):
            await anext(client.tasks.work())
