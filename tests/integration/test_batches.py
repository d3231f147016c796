"""Guarantees 2 and 8, for appends that come in one call: each is whole, and none harms another."""

from __future__ import annotations

import asyncio
from typing import Any

import holdfastdb
from holdfastdb import Event
from holdfastdb.v1 import history_service_pb2 as pb
from tests.support.clients import connected, history
from tests.support.raw import MEBIBYTE, Raw, event, payload
from tests.support.servers import ServerProcess


async def send(raw: Raw, *requests: pb.AppendEventsRequest) -> list[pb.AppendEventsResult]:
    """Send requests as one batch."""
    return list((await raw(pb.BatchAppendEventsRequest(requests=requests))).results)


async def test_each_request_is_answered_as_if_it_had_come_alone(raw: Raw) -> None:
    requests = {
        "good": raw.append(event(event_id="good")),
        "repeated": raw.append(event(event_id="first")),
        "taken": raw.append(event(event_id="fresh"), event(event_id="first", actor="another")),
        "no such session": pb.AppendEventsRequest(session_id="nowhere", events=[event()]),
        "no session": pb.AppendEventsRequest(events=[event()]),
        "no events": raw.append(),
        "no JSON": raw.append(event(event_id="whole"), event(payload=payload("{"))),
        "negative": raw.append(event(), expected_last_sequence=-1),
        "several": raw.append(event(event_id="x"), event(event_id="y")),
    }
    results = dict(zip(requests, await send(raw, *requests.values()), strict=True))
    codes = {name: result.error.code for name, result in results.items()}
    assert codes == {
        "good": 0,
        "repeated": 0,
        "taken": 6,
        "no such session": 5,
        "no session": 3,
        "no events": 3,
        "no JSON": 3,
        "negative": 3,
        "several": 0,
    }
    assert results["repeated"].response.receipts[0].sequence == 1
    ids = [stored.event_id for stored in await raw.events()]
    assert ids[0] == "first"
    assert set(ids) == {"first", "good", "x", "y"}
    assert ids.index("y") == ids.index("x") + 1
    last = {result.response.last_sequence for result in results.values() if result.HasField("response")}
    assert max(last) == len(ids) == 4


async def test_of_guards_that_exclude_each_other_one_holds(raw: Raw) -> None:
    last = len(await raw.events())
    guarded = [raw.append(event(), expected_last_sequence=last) for _ in range(10)]
    results = await send(raw, *guarded)
    assert [result.HasField("response") for result in results].count(True) == 1
    errors = [result.error for result in results if result.HasField("error")]
    assert {error.code for error in errors} == {10}
    assert len(await raw.events()) == last + 1


async def test_a_batch_stays_in_its_namespace(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    async with connected(shared_server, namespace="elsewhere") as other:
        foreign = Raw(other, session_id)
        results = await send(foreign, *[foreign.append(event()) for _ in range(3)])
    assert {result.error.code for result in results} == {5}
    assert await history(client, session_id) == []


async def test_as_much_as_a_request_may_hold_is_appended_by_a_batch(raw: Raw) -> None:
    body = payload('"' + "x" * (MEBIBYTE - 2) + '"')
    results = await send(raw, *[raw.append(event(payload=body)) for _ in range(15)])
    assert all(result.HasField("response") for result in results)
    assert {result.response.last_sequence for result in results} == set(range(2, 17))


async def test_writers_of_one_client_keep_their_order_and_lose_nothing(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    others = [f"{session_id}-{number}" for number in range(20)]
    for name in others:
        await client.sessions.create(name)

    async def write(name: str, writer: int) -> None:
        for number in range(10):
            appended = await client.history.append(name, Event.of("n", [writer, number]))
            assert appended.receipts[0].sequence == appended.last_sequence

    shared = (write(session_id, writer) for writer in range(20))
    await asyncio.gather(*shared, *(write(name, 0) for name in others))
    values: list[Any] = [stored.value for stored in await history(client, session_id)]
    assert len(values) == 200
    for writer in range(20):
        assert [number for by, number in values if by == writer] == list(range(10))
    for name in others:
        assert [stored.value for stored in await history(client, name)] == [[0, n] for n in range(10)]


async def test_one_bad_append_of_many_raises_for_its_caller_alone(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    names = [session_id, "nowhere", session_id]
    good, bad, fine = await asyncio.gather(
        *(client.history.append(name, Event.of("n", 1)) for name in names), return_exceptions=True
    )
    assert isinstance(bad, holdfastdb.NotFound)
    assert bad.reason == "SESSION_NOT_FOUND"
    assert bad.call_id
    assert isinstance(good, holdfastdb.AppendResult)
    assert isinstance(fine, holdfastdb.AppendResult)
    assert {good.last_sequence, fine.last_sequence} == {1, 2}
