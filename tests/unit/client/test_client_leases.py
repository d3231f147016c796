"""Leases: kept while the work goes on, given back when it fails, and the work stopped when they are lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import pytest

import holdfastdb
from holdfastdb.v1 import task_service_pb2 as pb
from tests.unit.client.scripted import Failure, Script
from tests.unit.client.test_client_tasks import TASK

NOT_HELD = Failure(grpc.StatusCode.FAILED_PRECONDITION, reason="LEASE_NOT_HELD", metadata={"task_id": "t"})
SHORT = timedelta(seconds=0.3)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Update", "Transition", "Release"):
        script.on(f"{verb}Task", getattr(pb, f"{verb}TaskResponse")(task=TASK))
    script.on("ClaimTask", pb.ClaimTaskResponse(task=TASK, lease_token="secret"))
    script.on("ExtendLease", pb.ExtendLeaseResponse())


async def claim(
    client: holdfastdb.AsyncClient, duration: timedelta = timedelta(minutes=1)
) -> holdfastdb.AsyncLease:
    lease = await client.tasks.claim(lease_duration=duration)
    assert lease is not None
    return lease


async def test_a_task_succeeds_when_its_block_ends(script: Script, client: holdfastdb.AsyncClient) -> None:
    async with await claim(client) as lease:
        assert lease.task.value == {"pull": 7}
    (request,) = script.requests("TransitionTask")
    assert (request.task_id, request.lease_token, request.status) == ("t", "secret", pb.TASK_STATUS_SUCCEEDED)
    assert script.requests("ExtendLease") == []


async def test_what_the_block_said_stands(script: Script, client: holdfastdb.AsyncClient) -> None:
    async with await claim(client) as lease:
        await lease.report(phase="testing")
        await lease.fail("no disk", {"tried": 3})
    (report,) = script.requests("UpdateTask")
    assert (report.task.phase, report.lease_token) == ("testing", "secret")
    (request,) = script.requests("TransitionTask")
    assert (request.status, request.error) == (pb.TASK_STATUS_FAILED, "no disk")
    assert request.result.json == '{"tried":3}'


async def test_an_error_whose_text_cannot_be_sent_gives_the_task_back_too(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    with pytest.raises(FileNotFoundError):
        async with await claim(client):
            raise FileNotFoundError("no such file: caf\udce9\0.txt")
    (request,) = script.requests("ReleaseTask")
    assert (request.attempt_failed, request.error) == (True, "FileNotFoundError: no such file: caf?.txt")


async def test_an_error_gives_the_task_back_as_a_failed_attempt(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    with pytest.raises(ValueError, match="seven"):
        async with await claim(client):
            raise ValueError("seven")
    (request,) = script.requests("ReleaseTask")
    assert (request.attempt_failed, request.error) == (True, "ValueError: seven")


async def test_an_error_says_that_the_task_could_not_be_given_back(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("ReleaseTask", NOT_HELD)
    with pytest.raises(ValueError, match="seven") as caught:
        async with await claim(client):
            raise ValueError("seven")
    assert "could not be given back" in caught.value.__notes__[0]


async def test_a_cancelled_block_gives_the_task_back_unused(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with await claim(client):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (request,) = script.requests("ReleaseTask")
    assert not request.attempt_failed


async def test_the_lease_is_extended_while_the_block_goes_on(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    extended = asyncio.Event()

    async def extend(request: pb.ExtendLeaseRequest) -> pb.ExtendLeaseResponse:
        if len(script.requests("ExtendLease")) == 4:
            extended.set()
        return pb.ExtendLeaseResponse()

    script.on("ExtendLease", extend)
    async with await claim(client, SHORT):
        await extended.wait()  # which takes longer than the first lease lasts
    assert {request.lease_token for request in script.requests("ExtendLease")} == {"secret"}
    assert len(script.requests("TransitionTask")) == 1


async def test_an_extension_is_tried_again(script: Script, client: holdfastdb.AsyncClient) -> None:
    done = asyncio.Event()

    async def extend(request: pb.ExtendLeaseRequest) -> pb.ExtendLeaseResponse:
        done.set()
        return pb.ExtendLeaseResponse()

    script.on("ExtendLease", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED), extend)
    async with await claim(client, timedelta(seconds=1)):
        await done.wait()
    assert len(script.requests("TransitionTask")) == 1


async def test_a_lost_lease_cancels_the_block(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("ExtendLease", NOT_HELD)
    with pytest.raises(holdfastdb.LeaseNotHeld) as caught:
        async with await claim(client, SHORT) as lease:
            await asyncio.Event().wait()
    assert lease.is_lost
    assert caught.value.metadata == {"task_id": "t"}
    assert script.requests("ReleaseTask") == script.requests("TransitionTask") == []


async def test_a_server_that_is_away_for_the_whole_lease_cancels_the_block(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("ExtendLease", Failure(grpc.StatusCode.RESOURCE_EXHAUSTED))
    with pytest.raises(holdfastdb.LeaseNotHeld):
        async with await claim(client, SHORT):
            await asyncio.Event().wait()


async def test_a_result_that_comes_too_late_is_refused(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("TransitionTask", NOT_HELD)
    lease = await claim(client)
    with pytest.raises(holdfastdb.LeaseNotHeld):
        await lease.succeed()
