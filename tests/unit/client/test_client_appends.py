"""Appends that travel together: who goes with whom, and that each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Thread
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

import holdfastdb
from holdfastdb import Event
from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb.v1 import payload_pb2
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Handler, Script, each


def answer_to(request: pb.AppendEventsRequest) -> pb.AppendEventsResponse:
    """An answer that tells for whom it is."""
    receipts = [pb.EventReceipt(event_id=event.event_id) for event in request.events]
    return pb.AppendEventsResponse(receipts=receipts, last_sequence=len(request.session_id))


async def alone(request: Any) -> pb.AppendEventsResponse:
    return answer_to(request)


together = each(alone)


def failing(failures: dict[str, Failure]) -> Handler:
    """Answer a batch, but with these errors for the sessions that are named."""

    async def answer(request: Any) -> Message | Failure:
        return failures.get(request.session_id) or answer_to(request)

    return each(answer)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    script.on("AppendEvents", alone)
    script.on("BatchAppendEvents", together)


async def append_all(client: holdfastdb.AsyncClient, *sessions: str) -> list[Any]:
    """Append to the sessions at the same time; return the answers and errors."""
    calls = (client.history.append(session, Event.message("user", session)) for session in sessions)
    return await asyncio.gather(*calls, return_exceptions=True)


def sessions_of(script: Script) -> list[list[str]]:
    """To which sessions each batch went."""
    return [[one.session_id for one in batch.requests] for batch in script.requests("BatchAppendEvents")]


async def test_an_append_alone_is_a_call_of_its_own(script: Script, client: holdfastdb.AsyncClient) -> None:
    await append_all(client, "a")
    await append_all(client, "b")
    assert [call.method for call in script.calls] == ["AppendEvents"] * 2


async def test_what_is_asked_for_at_once_goes_in_one_call_and_each_gets_its_own_answer(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    events = [Event.of("n", number) for number in range(3)]
    answers = await asyncio.gather(*(client.history.append("s" * n, events[n]) for n in range(3)))
    assert [answer.receipts[0].event_id for answer in answers] == [event.event_id for event in events]
    assert [answer.last_sequence for answer in answers] == [0, 1, 2]
    assert sessions_of(script) == [["", "s", "ss"]]
    assert len(script.calls) == 1


async def test_those_who_were_answered_together_go_on_together(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    async def write(session: str) -> None:
        for number in range(5):
            await client.history.append(session, Event.of("n", number))

    await asyncio.gather(*map(write, "abcd"))
    assert sessions_of(script) == [list("abcd")] * 5
    assert len(script.calls) == 5


async def test_a_request_that_is_refused_harms_none_of_its_neighbours(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    mismatch = Failure(
        grpc.StatusCode.ABORTED, "too late", "SEQUENCE_MISMATCH", {"expected": "1", "actual": "7"}
    )
    violation = ("events[0].payload.json", "is not valid JSON")
    invalid = Failure(grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_FIELD", violations=[violation])
    script.on("BatchAppendEvents", failing({"late": mismatch, "bad": invalid}))
    good, late, bad, fine = await append_all(client, "good", "late", "bad", "fine")
    assert (good.last_sequence, fine.last_sequence) == (4, 4)
    assert isinstance(late, holdfastdb.SequenceMismatch)
    assert (late.expected, late.actual, late.message) == (1, 7, "too late")
    assert isinstance(bad, holdfastdb.InvalidArgument)
    assert bad.field_violations[0].field == "events[0].payload.json"
    assert late.call_id == bad.call_id == script.calls[0].headers["x-request-id"]


async def test_a_code_that_grpc_does_not_have_is_unknown(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    strange = pb.AppendEventsResult(error=payload_pb2.Status(code=99))
    script.on("BatchAppendEvents", pb.BatchAppendEventsResponse(results=[strange, strange]))
    for error in await append_all(client, "a", "b"):
        assert isinstance(error, holdfastdb.HoldfastError)
        assert (error.code, error.message) == (grpc.StatusCode.UNKNOWN, "UNKNOWN")


async def test_what_is_unavailable_in_a_batch_is_retried_by_itself(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    away = Failure(grpc.StatusCode.UNAVAILABLE, reason="DATABASE_UNAVAILABLE")
    script.on("BatchAppendEvents", failing({"b": away}))
    script.on("AppendEvents", UNAVAILABLE, alone)
    a, b = await append_all(client, "a", "b")
    assert a.last_sequence == b.last_sequence == 1
    batched = script.requests("BatchAppendEvents")[0].requests[1]
    assert script.requests("AppendEvents") == [batched, batched]


async def test_a_call_that_fails_fails_for_all_who_are_in_it(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("BatchAppendEvents", Failure(grpc.StatusCode.UNAUTHENTICATED, reason="TOKEN_INVALID"))
    for error in await append_all(client, "a", "b"):
        assert isinstance(error, holdfastdb.Unauthenticated)
        assert error.reason == "TOKEN_INVALID"


async def test_a_batch_is_retried_with_the_same_ids_while_the_server_is_unavailable(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("BatchAppendEvents", UNAVAILABLE, UNAVAILABLE, together)
    a, b = await append_all(client, "a", "bb")
    assert (a.last_sequence, b.last_sequence) == (1, 2)
    first, second, third = script.requests("BatchAppendEvents")
    assert first == second == third


async def test_callers_with_other_deadlines_do_not_travel_together(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    proceed = asyncio.Event()

    async def late(request: Any) -> Message | Failure:
        await proceed.wait()
        return await together(request)

    script.on("BatchAppendEvents", late)
    event = Event.of("n", 1)
    short = [asyncio.create_task(client.history.append(name, event, timeout=0.5)) for name in "ab"]
    long = [asyncio.create_task(client.history.append(name, event, timeout=60)) for name in "cd"]
    # Each pair keeps its own deadline: the first one's passes, and the other one still gets its answer.
    for task in short:
        with pytest.raises(holdfastdb.DeadlineExceeded):
            await asyncio.wait_for(task, PATIENCE)
    assert not any(task.done() for task in long)
    proceed.set()
    assert [(await asyncio.wait_for(task, PATIENCE)).last_sequence for task in long] == [1, 1]
    assert sorted(sessions_of(script)) == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("appends", "sizes"),
    [
        ([["x"]] * 40, [16, 16, 8]),
        ([["x"] * 400] * 5, [2, 2, 1]),
        ([["x"], ["x" * 700_000], ["x" * 700_000], ["x"]], [2, 2]),
        ([["x" * 3_000_000], ["x" * 3_000_000]], [1, 1]),
    ],
    ids=["requests", "events", "bytes", "large"],
)
async def test_a_call_takes_so_many_requests_events_and_bytes(
    script: Script, client: holdfastdb.AsyncClient, appends: Sequence[Sequence[str]], sizes: list[int]
) -> None:
    await asyncio.gather(
        *(client.history.append("s", [Event.of("n", text) for text in texts]) for texts in appends)
    )
    batches = [len(batch.requests) for batch in script.requests("BatchAppendEvents")]
    assert sorted(batches + [1] * len(script.requests("AppendEvents")), reverse=True) == sizes


async def test_a_caller_that_goes_before_the_call_takes_its_append_along(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    event = Event.of("n", 1)
    stay, go, other = (asyncio.create_task(client.history.append(name, event)) for name in "abc")
    await asyncio.sleep(0)
    go.cancel()
    assert [(await task).last_sequence for task in (stay, other)] == [1, 1]
    assert sessions_of(script) == [["a", "c"]]
    assert go.cancelled()


async def test_a_caller_that_goes_during_the_call_harms_none_of_its_neighbours(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    proceed = asyncio.Event()

    async def slowly(request: Any) -> Message | Failure:
        await proceed.wait()
        return await together(request)

    script.on("BatchAppendEvents", slowly)
    stay, go = (asyncio.create_task(client.history.append(name, Event.of("n", 1))) for name in "ab")
    await asyncio.wait_for(script.arrived.wait(), PATIENCE)
    go.cancel()
    proceed.set()
    assert (await stay).last_sequence == 1
    with pytest.raises(asyncio.CancelledError):
        await go


@pytest.mark.parametrize("callers", [1, 3])
async def test_a_call_whose_callers_are_all_gone_is_cancelled(
    script: Script, client: holdfastdb.AsyncClient, callers: int
) -> None:
    ended = asyncio.Event()

    async def forever(request: Any) -> pb.AppendEventsResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("not reached")

    for method in ("AppendEvents", "BatchAppendEvents"):
        script.on(method, forever)
    tasks = [asyncio.create_task(client.history.append("s", Event.of("n", 1))) for _ in range(callers)]
    await asyncio.wait_for(script.arrived.wait(), PATIENCE)
    for task in tasks:
        task.cancel()
    await asyncio.wait_for(ended.wait(), PATIENCE)


async def test_closing_the_client_ends_the_appends_that_are_under_way(script: Script) -> None:
    script.on("BatchAppendEvents", HANG)
    async with holdfastdb.connect(script.target) as client:
        tasks = [asyncio.create_task(client.history.append(name, Event.of("n", 1))) for name in "ab"]
        await asyncio.wait_for(script.arrived.wait(), PATIENCE)
    for task in tasks:
        with pytest.raises(holdfastdb.HoldfastError, match="closed during the call"):
            await task
    with pytest.raises(RuntimeError, match="closed"):
        await client.history.append("s", Event.of("n", 1))


async def test_threads_of_a_blocking_client_get_their_own_answers(script: Script) -> None:
    answers: dict[int, int] = {}

    def write() -> None:
        with holdfastdb.connect_sync(script.target) as client:

            def one(length: int) -> None:
                for _ in range(20):
                    answers[length] = client.history.append("s" * length, Event.of("n", 1)).last_sequence

            threads = [Thread(target=one, args=(length,)) for length in range(1, 9)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    await asyncio.to_thread(write)
    assert answers == {length: length for length in range(1, 9)}
    appended = len(script.requests("AppendEvents")) + sum(map(len, sessions_of(script)))
    assert appended == 8 * 20
