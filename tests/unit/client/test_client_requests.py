"""What each method sends, and what it makes of the answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfastdb
from holdfastdb import Event, EventKind, SessionStatus, StateWrite
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.unit.client.answers import STATE, script_all
from tests.unit.client.scripted import Script


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    script_all(script)


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_writes_get_an_id_that_makes_their_repetition_harmless(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    uuid.UUID((await last(script, client.sessions.create())).session.session_id)
    uuid.UUID((await last(script, client.sessions.fork("s-1"))).new_session_id)
    uuid.UUID((await last(script, client.history.append("s-1", Event(event_id="")))).events[0].event_id)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: client.sessions.update("s-1", title="x"),
        lambda: client.sessions.complete("s-1"),
        lambda: client.states.save("s-1", 1),
        lambda: client.states.patch("s-1", {}),
        lambda: client.history.clear("s-1"),
    ]
    for call in calls:
        uuid.UUID((await last(script, call())).request_id)
    request = await last(script, client.states.save("s-1", 1, request_id="mine"))
    assert request.request_id == "mine"


async def test_create_and_session_fields(script: Script, client: holdfastdb.AsyncClient) -> None:
    answer = session_pb.Session(
        session_id="s-1", status=session_pb.SESSION_STATUS_PENDING, labels={"a": "b"}, never_expires=True
    )
    answer.metadata.update({"n": 1})
    answer.create_time.FromSeconds(60)
    script.on("CreateSession", session_pb.CreateSessionResponse(session=answer))
    session = await client.sessions.create(
        "s-1", user_id="u", labels={"a": "b"}, metadata={"n": 1}, retention=timedelta(hours=2)
    )
    sent = script.calls[-1].request.session
    assert (sent.session_id, sent.user_id, dict(sent.labels)) == ("s-1", "u", {"a": "b"})
    assert sent.retention.seconds == 7200
    assert session.status is SessionStatus.PENDING
    assert str(session.status) == "pending"
    assert session.retention == "never"
    assert session.metadata == {"n": 1}
    assert session.create_time == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert session.end_time is None
    assert session.fork_sequence is None
    assert (await last(script, client.sessions.create(retention="never"))).session.never_expires


async def test_update_merges_unless_told_to_replace(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = await last(
        script, client.sessions.update("s-1", title="t", metadata={"a": None}, expected_version=3)
    )
    assert not request.HasField("update_mask")
    assert request.session.title == "t"
    assert request.expected_version == 3
    request = await last(script, client.sessions.update("s-1", title="", labels={}, replace=True))
    assert list(request.update_mask.paths) == ["title", "labels"]
    request = await last(script, client.sessions.update("s-1", retention="default", replace=True))
    assert list(request.update_mask.paths) == ["retention", "never_expires"]
    request = await last(script, client.sessions.update("s-1", retention="never", replace=True))
    assert list(request.update_mask.paths) == ["never_expires"]
    with pytest.raises(holdfastdb.InvalidArgument, match="replace=True"):
        await client.sessions.update("s-1", title="")
    with pytest.raises(holdfastdb.InvalidArgument, match="retention"):
        await client.sessions.update("s-1", retention="default")


async def test_transitions(script: Script, client: holdfastdb.AsyncClient) -> None:
    for verb, status in (
        (client.sessions.activate, session_pb.SESSION_STATUS_ACTIVE),
        (client.sessions.complete, session_pb.SESSION_STATUS_COMPLETED),
        (client.sessions.fail, session_pb.SESSION_STATUS_FAILED),
        (client.sessions.expire, session_pb.SESSION_STATUS_EXPIRED),
    ):
        request = await last(script, verb("s-1", reason="r", actor="a"))
        assert (request.status, request.reason, request.actor) == (status, "r", "a")
    bad: Any = "sleeping"
    with pytest.raises(holdfastdb.InvalidArgument, match="'sleeping' is not one of pending, active"):
        await client.sessions.transition("s-1", bad)


async def test_states_come_back_as_they_were_saved(script: Script, client: holdfastdb.AsyncClient) -> None:
    saved = await client.states.save("s-1", {"a": 1}, metadata={"m": True}, expected_version=0)
    write = script.calls[-1].request.writes[0]
    assert (write.key, write.payload.json, write.expected_version) == ("default", '{"a":1}', 0)
    assert write.HasField("expected_version")
    assert saved.value == {"a": 1}
    await client.states.save("s-1", holdfastdb.Data(b"\x00", "image/png"), "k")
    write = script.calls[-1].request.writes[0]
    assert (write.key, write.payload.data, write.payload.media_type) == ("k", b"\x00", "image/png")
    loaded = await client.states.load("s-1", version=2)
    assert script.calls[-1].request.version == 2
    assert (loaded.json_text, loaded.value, loaded.data) == ('{"a":1.50}', {"a": 1.5}, None)


async def test_several_states_are_saved_in_one_request(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("SaveState", session_pb.SaveStateResponse(states=[STATE, STATE]))
    await client.states.save_many("s-1", {"a": 1, "b": b"x"})
    assert [write.key for write in script.calls[-1].request.writes] == ["a", "b"]
    await client.states.save_many("s-1", [StateWrite("a", 1, expected_version=2), StateWrite("b", None)])
    writes = script.calls[-1].request.writes
    assert [(write.payload.json, write.HasField("expected_version")) for write in writes] == [
        ("1", True),
        ("null", False),
    ]
    with pytest.raises(holdfastdb.InvalidArgument, match=r"writes\[1\]\.value\.x"):
        await client.states.save_many("s-1", {"a": 1, "b": {"x": object()}})


async def test_a_state_listed_without_its_payload_has_no_value(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    script.on("ListStates", session_pb.ListStatesResponse(states=[STATE]))
    [state] = [state async for state in client.states.list("s-1", omit_payload=True)]
    assert state.payload is None
    with pytest.raises(ValueError, match="left out"):
        _ = state.value


async def test_delete_states_needs_exactly_one_selection(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    assert await client.states.delete("s-1", "a") == 2
    assert list(script.calls[-1].request.keys.keys) == ["a"]
    request = await last(script, client.states.delete("s-1", ["a", "b"]))
    assert list(request.keys.keys) == ["a", "b"]
    assert (await last(script, client.states.delete("s-1", key_prefix="p"))).key_prefix == "p"
    assert (await last(script, client.states.delete("s-1", every_key=True))).all
    for call in (client.states.delete("s-1"), client.states.delete("s-1", "a", run_id="r")):
        with pytest.raises(holdfastdb.InvalidArgument, match="exactly one"):
            await call


async def test_pages_are_fetched_only_when_they_are_needed(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    def page(name: str, token: str) -> session_pb.ListSessionsResponse:
        session = session_pb.Session(session_id=name, status=session_pb.SESSION_STATUS_PENDING)
        return session_pb.ListSessionsResponse(sessions=[session], next_page_token=token, total_size=2)

    script.on("ListSessions", page("a", "t1"), page("b", ""))
    pager = client.sessions.list(user_id="u", page_size=1, order="ascending", include_total_size=True)
    assert script.calls == []
    first = await pager.page()
    assert (first.items[0].session_id, first.next_page_token, first.total_size) == ("a", "t1", 2)
    script.on("ListSessions", page("a", "t1"), page("b", ""))
    assert [session.session_id async for session in pager] == ["a", "b"]
    requests = script.requests("ListSessions")
    assert [request.page_token for request in requests] == ["", "", "t1"]
    assert all(request.user_id == "u" for request in requests)
    rest = client.sessions.list(page_token="t1")
    assert (await last(script, rest.page())).page_token == "t1"


async def test_list_events_passes_its_filter(script: Script, client: holdfastdb.AsyncClient) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    pager = client.history.list(
        "s-1",
        order="descending",
        types=["tool.*"],
        kinds=[EventKind.STEP],
        labels={"a": "b"},
        event_time_from=since,
    )
    request = await last(script, pager.page())
    assert request.order == payload_pb2.SORT_ORDER_DESCENDING
    assert list(request.filter.types) == ["tool.*"]
    assert list(request.filter.kinds) == [history_pb.EVENT_KIND_STEP]
    assert dict(request.filter.labels) == {"a": "b"}
    assert request.filter.event_time_from.ToDatetime(tzinfo=UTC) == since


async def test_replace_clear_pop_and_rewind(script: Script, client: holdfastdb.AsyncClient) -> None:
    request = await last(script, client.history.replace("s-1", [Event.of("x", 1)], kinds=[EventKind.MESSAGE]))
    assert request.all
    assert len(request.events) == 1
    assert list(request.kinds) == [history_pb.EVENT_KIND_MESSAGE]
    request = await last(script, client.history.clear("s-1", expected_last_sequence=0))
    assert request.all
    assert request.HasField("expected_last_sequence")
    assert (await last(script, client.history.pop("s-1"))).newest == 1
    request = await last(script, client.history.rewind("s-1", 0))
    assert request.WhichOneof("range") == "after_sequence"
    assert (await client.history.pop("s-1", 3)).removed_count == 3


async def test_summaries(script: Script, client: holdfastdb.AsyncClient) -> None:
    [summary] = await client.history.summarize("s-1", ["time", "type"], bucket=timedelta(hours=1), actor="a")
    assert summary.count == 4
    request = script.calls[-1].request
    assert list(request.group_by) == [history_pb.EVENT_GROUPING_TIME, history_pb.EVENT_GROUPING_TYPE]
    assert (request.bucket.seconds, request.filter.actor) == (3600, "a")


@pytest.mark.parametrize("bad", ["\ud800", 7])
async def test_an_id_that_cannot_be_sent_is_refused_by_field(
    client: holdfastdb.AsyncClient, bad: Any
) -> None:
    for call in (client.sessions.get(bad), client.states.load(bad), client.history.clear(bad)):
        with pytest.raises(holdfastdb.InvalidArgument) as caught:
            await call
        assert caught.value.field_violations[0].field == "session_id"
