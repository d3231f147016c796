"""What the methods of approvals send, and how they wait."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import grpc
import pytest

import holdfastdb
from holdfastdb import ApprovalStatus, Data
from holdfastdb.v1 import approval_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script

PENDING = pb.Approval(approval_id="a", status=pb.APPROVAL_STATUS_PENDING)
APPROVED = pb.Approval(
    approval_id="a", status=pb.APPROVAL_STATUS_APPROVED, response=payload_pb2.Payload(data=b"x")
)


def waited(approval: pb.Approval) -> pb.WaitApprovalResponse:
    return pb.WaitApprovalResponse(approval=approval)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Request", "Get", "Decide", "Cancel"):
        script.on(f"{verb}Approval", getattr(pb, f"{verb}ApprovalResponse")(approval=APPROVED))
    script.on("ListApprovals", pb.ListApprovalsResponse(approvals=[APPROVED]))


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_request_and_the_fields_of_an_approval(script: Script, client: holdfastdb.AsyncClient) -> None:
    approval = await client.approvals.request("a", title="t", payload=[1], ttl=timedelta(minutes=1))
    sent = script.calls[-1].request.approval
    assert (sent.approval_id, sent.title, sent.payload.json, sent.ttl.seconds) == ("a", "t", "[1]", 60)
    assert approval.status is ApprovalStatus.APPROVED
    assert approval.is_approved
    assert (approval.payload, approval.response, approval.ttl) == (None, Data(b"x"), None)
    assert approval.expire_time is None
    bare = (await last(script, client.approvals.request())).approval
    uuid.UUID(bare.approval_id)
    assert not bare.HasField("ttl")


async def test_decisions_carry_who_and_why_and_an_id(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = await last(script, client.approvals.approve("a", "ada", reason="r", response={"n": 1}))
    assert (request.status, request.decided_by, request.reason) == (pb.APPROVAL_STATUS_APPROVED, "ada", "r")
    assert request.response.json == '{"n":1}'
    uuid.UUID(request.request_id)
    request = await last(script, client.approvals.reject("a", "eve"))
    assert (request.status, request.decided_by) == (pb.APPROVAL_STATUS_REJECTED, "eve")
    assert not request.HasField("response")
    request = await last(script, client.approvals.cancel("a", actor="coder", request_id="mine"))
    assert (request.actor, request.request_id) == ("coder", "mine")


async def test_a_list_passes_its_filter(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = await last(
        script,
        client.approvals.list(statuses=[ApprovalStatus.PENDING], approver="ada", labels={"a": "b"}).page(),
    )
    assert list(request.statuses) == [pb.APPROVAL_STATUS_PENDING]
    assert (request.approver, dict(request.labels)) == ("ada", {"a": "b"})


async def test_a_wait_goes_on_until_the_decision(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("WaitApproval", waited(PENDING), waited(PENDING), waited(APPROVED))
    assert (await client.approvals.wait("a")).is_approved
    calls = script.calls
    assert [call.request.wait.seconds for call in calls] == [60, 60, 60]
    # The deadline leaves time for the answer.
    assert all((call.time_remaining or 0) > 60 for call in calls)


async def test_a_wait_that_gives_up_returns_what_is_pending(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("WaitApproval", waited(PENDING))
    assert (await client.approvals.wait("a", give_up_after=0)).status is ApprovalStatus.PENDING
    assert [call.request.wait.ToTimedelta() for call in script.calls] == [timedelta()]
    await client.approvals.wait("a", give_up_after=7)
    assert 6 < script.calls[-1].request.wait.ToTimedelta().total_seconds() <= 7


@pytest.mark.parametrize("lost", [[UNAVAILABLE] * 6, [Failure(grpc.StatusCode.CANCELLED)] * 2])
async def test_a_wait_outlasts_lost_connections(
    script: Script, client: holdfastdb.AsyncClient, lost: list[Failure]
) -> None:
    script.on("WaitApproval", waited(PENDING), *lost, waited(APPROVED))
    async with asyncio.timeout(PATIENCE):
        assert (await client.approvals.wait("a")).is_approved


async def test_a_wait_that_never_gets_an_answer_ends_with_the_clients_timeout(script: Script) -> None:
    script.on("WaitApproval", UNAVAILABLE)
    async with holdfastdb.connect(script.target, timeout=0.05) as client:
        with pytest.raises(holdfastdb.HoldfastError) as caught:
            await client.approvals.wait("a")
    assert isinstance(caught.value, holdfastdb.Unavailable)


async def test_other_errors_end_a_wait(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("WaitApproval", Failure(grpc.StatusCode.NOT_FOUND, reason="APPROVAL_NOT_FOUND"))
    with pytest.raises(holdfastdb.NotFound):
        await client.approvals.wait("a")


async def test_the_close_of_the_client_ends_a_wait(script: Script) -> None:
    script.on("WaitApproval", HANG)
    client = holdfastdb.connect(script.target)
    wait = asyncio.create_task(client.approvals.wait("a"))
    async with asyncio.timeout(PATIENCE):
        await script.arrived.wait()
        await client.close()
        with pytest.raises(holdfastdb.HoldfastError) as caught:
            await wait
    assert caught.value.code is grpc.StatusCode.CANCELLED
