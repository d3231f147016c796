"""What every call has in common: headers, deadlines, retries, the connection's beginning and end."""

from __future__ import annotations

import asyncio
import math

import grpc
import pytest

import holdfastdb
from holdfastdb import Event
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.waiting import PATIENCE
from tests.unit.client.answers import script_all
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    script_all(script)


async def test_every_call_carries_namespace_token_and_an_id_of_its_own(script: Script) -> None:
    async with holdfastdb.connect(script.target, namespace="team-a", token="s3cret") as client:
        await client.sessions.get("s-1")
        await client.states.load("s-1")
    first, second = (call.headers for call in script.calls)
    for headers in (first, second):
        assert headers["holdfast-namespace"] == "team-a"
        assert headers["authorization"] == "Bearer s3cret"
    assert first["x-request-id"] != second["x-request-id"]


@pytest.mark.parametrize("bad", ["", "café", "a\nb"])
def test_a_namespace_that_no_header_can_carry_is_refused(bad: str) -> None:
    with pytest.raises(holdfastdb.InvalidArgument, match="namespace"):
        holdfastdb.connect(namespace=bad)


def test_the_target_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TARGET", "elsewhere:1")
    assert holdfastdb.connect()._connection.target == "elsewhere:1"
    assert holdfastdb.connect("here:2")._connection.target == "here:2"
    monkeypatch.delenv("HOLDFAST_TARGET")
    assert holdfastdb.connect()._connection.target == "127.0.0.1:7420"


async def test_a_unary_call_is_retried_with_the_same_ids_while_the_server_is_unavailable(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    receipt = history_pb.EventReceipt(event_id="e1", sequence=1)
    answer = history_pb.AppendEventsResponse(receipts=[receipt], last_sequence=1)
    script.on("AppendEvents", UNAVAILABLE, UNAVAILABLE, answer)
    appended = await client.history.append("s-1", Event.message("user", "x"))
    assert appended.receipts[0].sequence == 1
    requests = script.requests("AppendEvents")
    assert len(requests) == 3
    assert len({request.events[0].event_id for request in requests}) == 1


async def test_retries_end_after_five_attempts(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", UNAVAILABLE)
    with pytest.raises(holdfastdb.Unavailable):
        await client.sessions.get("s-1")
    assert len(script.calls) == 5


async def test_what_a_stopping_server_did_not_begin_with_is_retried(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("GetSession", Failure(grpc.StatusCode.CANCELLED))
    with pytest.raises(holdfastdb.Unavailable) as caught:
        await client.sessions.get("s-1")
    assert caught.value.code == grpc.StatusCode.CANCELLED
    assert len(script.calls) == 5


async def test_other_errors_are_not_retried(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", Failure(grpc.StatusCode.ABORTED))
    with pytest.raises(holdfastdb.Aborted):
        await client.sessions.get("s-1")
    assert len(script.calls) == 1


async def test_a_call_ends_at_its_deadline(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", HANG)
    with pytest.raises(holdfastdb.DeadlineExceeded):
        await client.sessions.get("s-1", timeout=0.05)


async def test_the_clients_timeout_holds_unless_the_call_has_its_own(script: Script) -> None:
    async with holdfastdb.connect(script.target, timeout=50) as client:
        await client.sessions.get("s-1")
        await client.sessions.get("s-1", timeout=500)
        await client.sessions.get("s-1", timeout=math.inf)
    ours, own, none = (call.time_remaining for call in script.calls)
    assert ours is not None
    assert own is not None
    assert 0 < ours < 60 < own < 600
    assert none is None or none > 10**6


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with holdfastdb.connect("127.0.0.1:1") as client:
        with pytest.raises(holdfastdb.Unavailable):
            await client.sessions.get("s-1")


async def test_raw_stubs_are_at_hand(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = session_pb.GetSessionRequest(session_id="s-1")
    answer = await client.stubs.sessions.GetSession(request, metadata=client.call_metadata())
    assert answer.session.session_id == "s-1"
    assert script.calls[-1].headers["holdfast-namespace"] == "default"
    assert isinstance(client.channel, grpc.aio.Channel)


async def test_a_closed_client_says_so(script: Script) -> None:
    client = holdfastdb.connect(script.target)
    await client.sessions.get("s-1")
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.sessions.get("s-1")


async def test_a_call_under_way_sees_the_close(script: Script) -> None:
    script.on("GetSession", HANG)
    client = holdfastdb.connect(script.target)
    call = asyncio.create_task(client.sessions.get("s-1"))
    async with asyncio.timeout(PATIENCE):
        await script.arrived.wait()
    await client.close()
    with pytest.raises(holdfastdb.HoldfastError) as caught:
        await call
    assert caught.value.code is grpc.StatusCode.CANCELLED


async def test_a_cancelled_task_stays_cancelled(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("GetSession", HANG)
    call = asyncio.create_task(client.sessions.get("s-1"))
    async with asyncio.timeout(PATIENCE):
        await script.arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_a_client_belongs_to_one_event_loop() -> None:
    client = holdfastdb.connect("127.0.0.1:1")

    async def use() -> None:
        _ = client.channel

    asyncio.run(use())
    with pytest.raises(RuntimeError, match="event loop"):
        asyncio.run(use())


def test_the_version_is_the_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", {"holdfastdb": "1.2.3"}.__getitem__)
    assert holdfastdb.__version__ == "1.2.3"
    with pytest.raises(AttributeError, match="nothing"):
        _ = getattr(holdfastdb, "nothing")  # noqa: B009
