"""Calls of the client that no other test makes: deletions, and further ways to list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

import holdfastdb
from holdfastdb import Event, Json
from holdfastdb.v1 import history_service_pb2 as pb
from tests.support.clients import failure

Delete = Callable[..., Awaitable[Any]]
Get = Callable[[], Awaitable[Any]]


async def make_all(client: holdfastdb.AsyncClient) -> dict[str, tuple[Delete, Get]]:
    """Make one of each noun; return how each is deleted and how it is got."""
    await client.sessions.create("s")
    await client.tasks.create("job", task_id="t")
    await client.plans.create(["one"], plan_id="p")
    await client.memories.create("a lesson", memory_id="m")
    await client.documents.put("c", "d", {})
    return {
        "session": (lambda **o: client.sessions.delete("s", **o), lambda: client.sessions.get("s")),
        "task": (lambda **o: client.tasks.delete("t", **o), lambda: client.tasks.get("t")),
        "plan": (lambda **o: client.plans.delete("p", **o), lambda: client.plans.get("p")),
        "memory": (lambda **o: client.memories.delete("m", **o), lambda: client.memories.get("m")),
        "document": (
            lambda **o: client.documents.delete("c", "d", **o),
            lambda: client.documents.get("c", "d"),
        ),
    }


@pytest.mark.parametrize("noun", ["session", "task", "plan", "memory", "document"])
async def test_a_deleted_thing_is_gone_and_deleting_it_again_is_told_apart(
    client: holdfastdb.AsyncClient, noun: str
) -> None:
    delete, get = (await make_all(client))[noun]
    with pytest.raises(holdfastdb.VersionMismatch) as stale:
        await delete(expected_version=7)
    assert stale.value.actual == 1
    assert await get()
    await delete(expected_version=1)
    with pytest.raises(holdfastdb.NotFound):
        await get()
    with pytest.raises(holdfastdb.NotFound):
        await delete()
    await delete(allow_missing=True)


async def test_only_the_chosen_states_are_deleted(client: holdfastdb.AsyncClient, session_id: str) -> None:
    states = client.states
    for key in ("a/1", "a/2", "b"):
        await states.save(session_id, {}, key)
    assert await states.delete(session_id, ["b", "absent"]) == 1
    assert [state.key async for state in states.list(session_id)] == ["a/1", "a/2"]
    assert await states.delete(session_id, key_prefix="a/") == 2
    assert [state.key async for state in states.list(session_id)] == []


async def test_events_of_a_trace_are_found_across_sessions(client: holdfastdb.AsyncClient) -> None:
    for name in ("s1", "s2"):
        await client.sessions.create(name)
        await client.history.append(name, [Event.of("n", name, trace_id="t"), Event.of("n", "other")])
    found = client.history.list(trace_id="t", page_size=1)
    assert [event.value async for event in found] == ["s1", "s2"]


async def test_events_without_a_session_need_a_trace_and_no_bounds(client: holdfastdb.AsyncClient) -> None:
    of_trace = pb.EventFilter(trace_id="t")
    for field, request in (
        ("session_id", pb.ListEventsRequest()),
        ("after_sequence", pb.ListEventsRequest(filter=of_trace, after_sequence=1)),
        ("before_sequence", pb.ListEventsRequest(filter=of_trace, before_sequence=9)),
    ):
        error = await failure(client.stubs.history.ListEvents(request, metadata=client.call_metadata()))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert [violation.field for violation in error.field_violations] == [field]


async def test_a_memory_is_got_by_its_id(client: holdfastdb.AsyncClient) -> None:
    made = await client.memories.create("Ask first", context="booking", memory_id="m")
    assert await client.memories.get("m") == made
    assert (made.lesson, made.context) == ("Ask first", "booking")


async def test_documents_are_synced_found_and_their_collections_listed(
    client: holdfastdb.AsyncClient,
) -> None:
    synced = await client.documents.sync("c/d", {"one": {"text": "dark theme"}, "two": Json("[1.0]")})
    assert synced.created_ids == ("one", "two")
    found = [match.document.document_id async for match in client.documents.search("theme", "c/d")]
    assert found == ["one"]
    assert [path async for path in client.documents.collections("c")] == ["c/d"]
