"""A tail delivers each event once, in order, whatever happens to its connection."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc
import pytest

import holdfastdb
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script, batch, caught_up, serving, start


async def take(tail: holdfastdb.AsyncTail, count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE):
        return [(await anext(tail)).sequence for _ in range(count)]


async def test_backlog_ends_where_the_live_events_begin(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("TailEvents", [batch(1, 2), batch(3), caught_up(3), batch(4, 5), HANG])
    async with client.history.tail("s-1") as tail:
        before = tail.caught_up
        assert [event.sequence async for event in tail.backlog()] == [1, 2, 3]
        assert (before, tail.caught_up) == (False, True)
        assert [event.sequence async for event in tail.backlog()] == []
        assert await take(tail, 1) == [4]
        assert tail.last_sequence == 4
        assert [event.sequence async for event in tail.backlog()] == []
        assert await take(tail, 1) == [5]
        assert tail.last_sequence == 5


async def test_it_reconnects_without_a_gap_or_a_double(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    draining = Failure(grpc.StatusCode.UNAVAILABLE, reason="SERVER_DRAINING")
    script.on(
        "TailEvents",
        [batch(1, 2), caught_up(2), batch(3), draining],
        [batch(3, 4), caught_up(4), UNAVAILABLE],
        [caught_up(4), batch(5), UNAVAILABLE],
        UNAVAILABLE,
        [caught_up(5)],
        [batch(6, 7), HANG],
    )
    async with client.history.tail("s-1", types=["event"]) as tail:
        assert await take(tail, 7) == [1, 2, 3, 4, 5, 6, 7]
    requests = script.requests("TailEvents")
    assert [request.after_sequence for request in requests] == [0, 3, 4, 5, 5, 5]
    assert all(list(request.filter.types) == ["event"] for request in requests)


async def test_only_new_goes_on_from_where_it_began(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("TailEvents", UNAVAILABLE, [caught_up(7), UNAVAILABLE], [batch(8), HANG])
    async with client.history.tail("s-1", only_new=True) as tail:
        assert tail.caught_up
        assert [event.sequence async for event in tail.backlog()] == []
        assert await take(tail, 1) == [8]
    requests = script.requests("TailEvents")
    assert [(request.only_new, request.after_sequence) for request in requests] == [
        (True, 0),
        (True, 0),
        (False, 7),
    ]


async def test_it_waits_as_long_as_the_server_asks(script: Script, client: holdfastdb.AsyncClient) -> None:
    asked = Failure(grpc.StatusCode.UNAVAILABLE, reason="OVERLOADED", retry_delay=timedelta(seconds=30))
    script.on("TailEvents", [batch(1), asked])
    tail = client.history.tail("s-1", give_up_after=20)
    assert await take(tail, 1) == [1]
    with pytest.raises(holdfastdb.Unavailable):
        await take(tail, 1)
    assert len(script.calls) == 1


async def test_it_gives_up_when_told_to_and_can_be_taken_up_again(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("TailEvents", [batch(1), UNAVAILABLE], UNAVAILABLE)
    tail = client.history.tail("s-1", give_up_after=0.3)
    assert await take(tail, 1) == [1]
    with pytest.raises(holdfastdb.Unavailable):
        await take(tail, 1)
    script.on("TailEvents", [batch(2), HANG])
    assert await take(tail, 1) == [2]


async def test_a_first_connection_that_fails_is_bounded_by_the_clients_timeout() -> None:
    async with holdfastdb.connect("127.0.0.1:1", timeout=0.2) as client:
        with pytest.raises(holdfastdb.Unavailable):
            async with client.history.tail("s-1"):
                pass


async def test_other_errors_end_it(script: Script, client: holdfastdb.AsyncClient) -> None:
    gone = Failure(grpc.StatusCode.NOT_FOUND, reason="SESSION_NOT_FOUND", metadata={"session_id": "s-1"})
    script.on("TailEvents", [batch(1), gone])
    tail = client.history.tail("s-1")
    assert await take(tail, 1) == [1]
    with pytest.raises(holdfastdb.NotFound) as caught:
        await take(tail, 1)
    assert caught.value.reason == holdfastdb.Reason.SESSION_NOT_FOUND
    assert caught.value.call_id == script.calls[-1].headers["x-request-id"]


async def test_a_cancelled_wait_loses_nothing(script: Script, client: holdfastdb.AsyncClient) -> None:
    script.on("TailEvents", [batch(1), HANG], [batch(2), HANG])
    tail = client.history.tail("s-1")
    assert await take(tail, 1) == [1]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(tail)
    assert await take(tail, 1) == [2]


async def test_a_tail_carries_no_deadline(script: Script) -> None:
    script.on("TailEvents", [batch(1), HANG])
    async with holdfastdb.connect(script.target, timeout=5) as client, client.history.tail("s-1"):
        remaining = script.calls[0].time_remaining
        assert remaining is None or remaining > 10**6


@pytest.mark.parametrize("which", ["tail", "client"])
@pytest.mark.parametrize("state", ["live", "lost"])
async def test_closing_ends_whoever_waits(script: Script, which: str, state: str) -> None:
    away = Failure(grpc.StatusCode.UNAVAILABLE, retry_delay=timedelta(hours=1))
    script.on("TailEvents", [batch(1), HANG if state == "live" else away])
    client = holdfastdb.connect(script.target)
    tail = client.history.tail("s-1")
    assert await take(tail, 1) == [1]
    waiting = asyncio.ensure_future(anext(tail, None))
    await asyncio.sleep(0)
    await (tail if which == "tail" else client).close()
    async with asyncio.timeout(PATIENCE):
        assert await waiting is None
    assert await anext(tail, None) is None
    await client.close()


async def test_it_outlives_a_server_that_restarts() -> None:
    async with serving() as first:
        first.on("TailEvents", [batch(1), HANG])
        client = holdfastdb.connect(first.target)
        tail = client.history.tail("s-1")
        assert await take(tail, 1) == [1]
    second = Script()
    second.on("TailEvents", [batch(2), HANG])
    server = await start(second, port=int(first.target.rpartition(":")[2]))
    try:
        assert await take(tail, 1) == [2]
        assert second.requests("TailEvents")[0].after_sequence == 1
    finally:
        await client.close()
        await server.stop(None)
