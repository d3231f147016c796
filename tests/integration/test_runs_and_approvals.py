"""Runs and approvals through a real server and the client, on each engine."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

import holdfastdb
from holdfastdb import ApprovalStatus, Json, Reason, RunStatus, TokenUsage
from tests.support.clients import connected
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE


async def test_a_run_from_its_start_to_the_figures_of_its_agent(client: holdfastdb.AsyncClient) -> None:
    session = await client.sessions.create("s")
    payload = Json('{"goal": 9007199254740993, "a":1.50}')
    run = await client.runs.start("r", agent_id="planner", kind="scan", session_id="s", input=payload)
    assert (run.status, run.input, run.kind) == (RunStatus.STARTED, payload, "scan")
    assert await client.runs.start("r", agent_id="planner", kind="scan", session_id="s", input=payload) == run
    await client.runs.update("r", status=RunStatus.RUNNING, labels={"a": "1"})
    usage = TokenUsage(input_tokens=900, output_tokens=7)
    done = await client.runs.complete("r", {"found": [1, 2]}, usage=usage)
    assert (done.status, done.usage, done.labels, done.version) == (RunStatus.COMPLETED, usage, {"a": "1"}, 3)
    assert done.output is not None
    assert done.output.value == {"found": [1, 2]}
    assert await client.runs.get("r") == done
    await client.runs.start("child", agent_id="planner", parent_run_id="r")
    await client.runs.fail("child", "no luck")
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await client.runs.cancel("child")
    assert caught.value.reason == Reason.TRANSITION_NOT_ALLOWED
    assert [one.run_id async for one in client.runs.list(parent_run_id="r", omit_payload=True)] == ["child"]
    [figures] = await client.runs.summarize(["agent", "time"], bucket=timedelta(days=1))
    assert (figures.agent_id, figures.run_count, figures.success_rate) == ("planner", 2, 0.5)
    assert figures.usage.input_tokens == 900
    longest = max(one.duration or timedelta() for one in (done, await client.runs.get("child")))
    assert figures.p95_duration == longest
    types = [event.type async for event in client.history.list(session.session_id)]
    assert types == ["holdfast.run.started", "holdfast.run.running", "holdfast.run.completed"]


async def test_an_approval_is_waited_for_and_decided(client: holdfastdb.AsyncClient) -> None:
    asked = await client.approvals.request(title="Refund?", payload={"amount": 40}, requested_by="coder")
    assert asked.status is ApprovalStatus.PENDING
    still = await client.approvals.wait(asked.approval_id, give_up_after=0.05)
    assert still == asked
    wait = asyncio.create_task(client.approvals.wait(asked.approval_id))
    decided = await client.approvals.approve(asked.approval_id, "ada", reason="fair", response={"amount": 30})
    async with asyncio.timeout(PATIENCE):
        assert await wait == decided
    assert decided.is_approved
    assert (decided.decided_by, decided.reason) == ("ada", "fair")
    assert decided.response is not None
    assert decided.response.value == {"amount": 30}
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await client.approvals.reject(asked.approval_id, "eve")
    assert caught.value.reason == Reason.APPROVAL_ALREADY_DECIDED
    assert caught.value.metadata == {"approval_id": asked.approval_id, "status": "APPROVED"}
    other = await client.approvals.request("b", approver="ada", ttl=timedelta(hours=1))
    assert other.expire_time == other.create_time + timedelta(hours=1)
    pending = client.approvals.list(statuses=[ApprovalStatus.PENDING], approver="ada")
    assert [one async for one in pending] == [other]
    assert (await client.approvals.cancel("b", actor="coder")).status is ApprovalStatus.CANCELLED


async def test_a_wait_outlasts_a_restart_of_the_server(shared_server: ServerProcess, tenant: str) -> None:
    async with connected(shared_server, namespace=tenant, timeout=2 * PATIENCE) as client:
        asked = await client.approvals.request()
        wait = asyncio.create_task(client.approvals.wait(asked.approval_id))
        await shared_server.restart()
        decided = await client.approvals.reject(asked.approval_id, "ada")
        async with asyncio.timeout(PATIENCE):
            assert await wait == decided
