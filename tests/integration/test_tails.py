"""Guarantee 7: a tail delivers each event after its starting point once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

import holdfastdb
from holdfastdb._transport.rpc_errors import from_rpc_error
from holdfastdb.v1 import history_service_pb2 as pb
from tests.support.clients import connected, failure, history, take
from tests.support.probes import until_no_tail_is_open
from tests.support.processes import resident_bytes
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually
from tests.support.writers import Writers

Stream = Any  # a call of grpc.aio with a stream of TailEventsResponse


def open_stream(client: holdfastdb.AsyncClient, session_id: str, **fields: Any) -> Stream:
    """Open a raw tail."""
    request = pb.TailEventsRequest(session_id=session_id, **fields)
    return client.stubs.history.TailEvents(request, metadata=client.call_metadata())


async def until_caught_up(stream: Stream) -> list[int]:
    """Read a raw tail up to `caught_up`; return the sequences that came before it."""
    sequences: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await stream.read()
            if message.WhichOneof("content") == "caught_up":
                return sequences
            sequences += [event.sequence for event in message.batch.events]


async def ending(stream: Stream) -> holdfastdb.HoldfastError:
    """Read a raw tail to its end; return how it ended."""
    try:
        async with asyncio.timeout(PATIENCE):
            while isinstance(await stream.read(), pb.TailEventsResponse):
                pass
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    raise AssertionError("the stream ended without an error")


async def append(client: holdfastdb.AsyncClient, session_id: str, *values: object, **fields: Any) -> None:
    """Append an event for each value, in one request."""
    await client.history.append(
        session_id, [holdfastdb.Event.of("note", value, **fields) for value in values]
    )


async def test_tails_opened_at_any_time_see_everything_after_their_start(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    starts = (0, 1, 57, 150, 400)
    async with AsyncExitStack() as stack:
        tails = {}
        async with Writers([client], session_id) as writers:
            for start in starts:
                tails[start] = await stack.enter_async_context(client.history.tail(session_id, start))
                await writers.write(60)
            new = await stack.enter_async_context(client.history.tail(session_id, only_new=True))
            await writers.write(60)
        count = len(writers.acknowledged)
        async with asyncio.timeout(PATIENCE):
            for start, tail in tails.items():
                events = await take(tail, count - start)
                assert [event.sequence for event in events] == list(range(start + 1, count + 1))
            first = (await anext(new)).sequence
            assert [event.sequence for event in await take(new, count - first)] == list(
                range(first + 1, count + 1)
            )
        assert 300 <= first <= count - 59


async def test_caught_up_comes_once_after_what_was_there(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, *range(600))
    stream = open_stream(client, session_id)
    assert await until_caught_up(stream) == list(range(1, 601))
    for sequence in range(601, 604):
        await append(client, session_id, sequence)
        message = await stream.read()
        assert [event.sequence for event in message.batch.events] == [sequence]
    stream.cancel()


@pytest.mark.parametrize(("fields", "last"), [({}, 0), ({"only_new": True}, 0), ({"after_sequence": 9}, 0)])
async def test_a_tail_of_an_empty_history_is_caught_up_at_once(
    client: holdfastdb.AsyncClient, session_id: str, fields: dict[str, Any], last: int
) -> None:
    stream = open_stream(client, session_id, **fields)
    async with asyncio.timeout(PATIENCE):
        message = await stream.read()
    assert message.caught_up.last_sequence == last
    assert message.WhichOneof("content") == "caught_up"
    stream.cancel()


async def test_only_new_begins_after_the_newest_event(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, "old")
    async with client.history.tail(session_id, only_new=True) as tail:
        await append(client, session_id, "new")
        assert (await anext(tail)).value == "new"


async def test_a_filtered_tail_delivers_what_matches_and_catches_up(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, 1, 2, actor="a", labels={"k": "v"})
    await append(client, session_id, 3, actor="b")
    async with (
        client.history.tail(session_id, actor="a", labels={"k": "v"}) as by_actor,
        client.history.tail(session_id, types=["message", "tool.*"]) as by_type,
        client.history.tail(session_id, kinds=[holdfastdb.EventKind.STEP]) as by_kind,
    ):
        assert [event.value async for event in by_actor.backlog()] == [1, 2]
        assert [event async for event in by_type.backlog()] == []
        await append(client, session_id, 4, actor="b")
        await append(client, session_id, 5, actor="a", labels={"k": "v", "l": "w"})
        step, message = holdfastdb.Event.step(thought="hm"), holdfastdb.Event.message("user", "hello")
        tool = holdfastdb.Event.of("tool.called", 0)
        await client.history.append(session_id, [step, message, tool])
        assert (await anext(by_actor)).value == 5
        assert [event.event_id for event in await take(by_type, 2)] == [message.event_id, tool.event_id]
        assert (await anext(by_kind)).event_id == step.event_id


async def test_a_slow_reader_misses_nothing_and_holds_up_nobody(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    slow = open_stream(client, session_id)
    await until_caught_up(slow)
    # Far more than what the connection's window and the buffers of both ends hold.
    blob = b"x" * 64 * 1024
    async with client.history.tail(session_id) as quick:
        for start in range(0, 200, 20):
            await append(client, session_id, *(blob for _ in range(20)))
            async with asyncio.timeout(PATIENCE):
                events = await take(quick, 20)
            assert [event.sequence for event in events] == list(range(start + 1, start + 21))
    sequences: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while len(sequences) < 200:
            message = await slow.read()
            sequences += [event.sequence for event in message.batch.events]
    assert sequences == list(range(1, 201))
    slow.cancel()


async def test_events_of_three_mebibytes_pass_one_by_one(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    large = b"x" * 3 * 1024 * 1024
    for _ in range(3):
        await append(client, session_id, large)
    async with client.history.tail(session_id) as tail, asyncio.timeout(PATIENCE):
        assert [event.value == large for event in await take(tail, 3)] == [True] * 3


async def test_replaced_events_are_not_delivered_and_what_follows_is(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, 1, 2, 3)
    async with client.history.tail(session_id) as tail:
        assert [event.value async for event in tail.backlog()] == [1, 2, 3]
        await client.history.pop(session_id, 2)
        assert (await anext(tail)).type == "holdfast.history.replaced"
        await append(client, session_id, 4)
        assert (await anext(tail)).value == 4
    async with client.history.tail(session_id) as again:
        assert [event.sequence async for event in again.backlog()] == [1, 4, 5]


async def test_a_deleted_session_ends_its_tails(client: holdfastdb.AsyncClient, session_id: str) -> None:
    await append(client, session_id, 1)
    async with client.history.tail(session_id) as tail:
        await take(tail, 1)
        await client.sessions.delete(session_id)
        with pytest.raises(holdfastdb.NotFound):
            async with asyncio.timeout(PATIENCE):
                await anext(tail)
    error = await ending(open_stream(client, session_id))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    # A new session of the same name is another one.
    await client.sessions.create(session_id)
    async with client.history.tail(session_id) as tail:
        assert [event async for event in tail.backlog()] == []


async def test_a_thousand_quiet_tails_cost_little_and_all_hear_of_an_event(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    before = resident_bytes(shared_server.pid)
    streams = [open_stream(client, session_id) for _ in range(1_000)]
    await asyncio.gather(*(until_caught_up(stream) for stream in streams))
    assert resident_bytes(shared_server.pid) - before < 1_000 * 100 * 1024
    await append(client, session_id, "now")
    async with asyncio.timeout(PATIENCE):
        messages = await asyncio.gather(*(stream.read() for stream in streams))
    assert [len(message.batch.events) for message in messages] == [1] * 1_000
    for stream in streams:
        stream.cancel()
    await until_no_tail_is_open(shared_server)


async def test_tails_that_are_cancelled_leave_nothing_behind(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, *range(10))

    async def open_and_cancel(times: int) -> None:
        for _ in range(times):
            stream = open_stream(client, session_id)
            await stream.read()
            stream.cancel()

    async def memory_after_cancelled_tails() -> int:
        await asyncio.gather(*(open_and_cancel(20) for _ in range(40)))
        await until_no_tail_is_open(shared_server)
        return resident_bytes(shared_server.pid)

    first = await memory_after_cancelled_tails()
    assert await memory_after_cancelled_tails() - first < 16 * 1024 * 1024


async def test_a_stopping_server_ends_tails_and_its_successor_goes_on(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    await append(client, session_id, 1)
    stream = open_stream(client, session_id)
    assert await until_caught_up(stream) == [1]
    async with client.history.tail(session_id) as tail:
        assert await anext(tail)
        assert await shared_server.stop() == 0
        error = await ending(stream)
        assert isinstance(error, holdfastdb.Unavailable)
        assert error.reason == holdfastdb.Reason.SERVER_DRAINING
        assert error.retry_delay is not None
        await shared_server.start()
        await append(client, session_id, 2, 3)
        async with asyncio.timeout(PATIENCE):
            assert [event.value for event in await take(tail, 2)] == [2, 3]


@pytest.fixture
async def small_server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that takes three tails."""
    server = ServerProcess(tmp_path, environment={"HOLDFAST_MAX_TAILS": "3"})
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def test_one_tail_too_many_is_refused_until_another_ends(small_server: ServerProcess) -> None:
    async with connected(small_server) as client:
        await client.sessions.create("s")
        streams = [open_stream(client, "s") for _ in range(3)]
        await asyncio.gather(*map(until_caught_up, streams))
        error = await failure(open_stream(client, "s").read())
        assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        streams[0].cancel()

        async def is_taken() -> bool:
            stream = open_stream(client, "s")
            try:
                await stream.read()
            except grpc.aio.AioRpcError:
                return False
            stream.cancel()
            return True

        await eventually(is_taken, "a tail is taken again")
        assert await history(client, "s") == []
