"""SessionStore.fork."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import IdTaken, InvalidField, SessionNotFound, StateNotFound
from holdfastdb_server.domain.events import Event, Replacement
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import ForkDraft, Session, SessionStatus
from holdfastdb_server.domain.states import StateFilter
from holdfastdb_server.domain.values import Payload
from tests.support.content import (
    NAMESPACE,
    append,
    create,
    history,
    load_json,
    message,
    move,
    note,
    notes,
    save,
    write,
)

FIELDS: dict[str, Any] = {
    "user_id": "ada",
    "agent_id": "planner",
    "task_id": "task",
    "title": "title",
    "labels": {"a": "1"},
    "metadata": {"m": [1, {"x": None}]},
    "retention": timedelta(days=2),
}


async def fork(
    store: Store, new_id: str = "f", *, source: str = "s", sequence: int | None = None, title: str = ""
) -> Session:
    return await store.sessions.fork(NAMESPACE, source, ForkDraft(new_id, sequence, title).checked())


@pytest.fixture(autouse=True)
async def other_sessions(store: Store) -> None:
    """Sessions of the same tenant with events and states of their own."""
    for session_id in ("one", "two"):
        await create(store, session_id)
        await append(store, *notes(3), session_id=session_id)
        await save(store, write("k", "0"), write("other", "0"), session_id=session_id)


async def source_with_events(store: Store) -> list[Event]:
    """Make a session `s` with five events; return them."""
    await create(store, **FIELDS)
    rich = note("e2", "text", actor="a", run_id="r", task_id="t", trace_id="x", labels={"l": "1"})
    await append(store, note("e1"), rich)
    await append(store, message("hi"), note("e4"), note("e5"))
    return await history(store)


def copied(events: list[Event], up_to: int) -> list[Event]:
    return [replace(event, session_id="f") for event in events if event.sequence <= up_to]


async def test_a_fork_is_a_pending_copy_of_the_fields(store: Store) -> None:
    await source_with_events(store)
    source = await move(store, "s", SessionStatus.COMPLETED)
    copy = await fork(store)
    assert copy.fields == source.fields
    assert (copy.status, copy.status_reason, copy.version, copy.end_time) == (
        SessionStatus.PENDING,
        "",
        1,
        None,
    )
    assert copy.create_time > source.update_time
    assert await store.sessions.get(NAMESPACE, "f") == copy


async def test_the_source_is_the_parent_of_its_fork(store: Store) -> None:
    await source_with_events(store)
    copy = await fork(store, sequence=3)
    assert (copy.parent_session_id, copy.fork_sequence) == ("s", 3)


async def test_a_fork_of_all_goes_to_the_last_sequence(store: Store) -> None:
    await source_with_events(store)
    assert (await fork(store)).fork_sequence == 5


async def test_a_fork_may_have_a_title_of_its_own(store: Store) -> None:
    await source_with_events(store)
    assert (await fork(store, title="mine")).fields.title == "mine"


@pytest.mark.parametrize("sequence", [None, 0, 1, 3, 5])
async def test_a_fork_has_the_events_up_to_the_sequence_as_they_are(
    store: Store, sequence: int | None
) -> None:
    events = await source_with_events(store)
    await fork(store, sequence=sequence)
    assert (await history(store, "f"))[:-1] == copied(events, 5 if sequence is None else sequence)


@pytest.mark.parametrize("sequence", [None, 0, 3])
async def test_the_forked_event_follows_at_the_next_sequence(store: Store, sequence: int | None) -> None:
    await source_with_events(store)
    copy = await fork(store, sequence=sequence)
    last = (await history(store, "f"))[-1]
    wanted = 5 if sequence is None else sequence
    assert (last.type, last.sequence) == ("holdfast.session.forked", wanted + 1)
    assert copy.last_sequence == wanted + 1
    assert isinstance(last.body, Payload)
    assert last.body.json is not None
    assert json.loads(last.body.json) == {"source": "s", "sequence": wanted}
    assert await append(store, note("new"), session_id="f") == [wanted + 2]


async def test_a_fork_does_not_change_its_source(store: Store) -> None:
    events = await source_with_events(store)
    await save(store, write("k", "1"))
    before = await store.sessions.get(NAMESPACE, "s")
    await fork(store)
    await append(store, note("new"), session_id="f")
    await save(store, write("k", "2"), session_id="f")
    assert await store.sessions.get(NAMESPACE, "s") == before
    assert await history(store) == events
    assert await load_json(store) == "1"


async def test_a_fork_has_the_states_saved_up_to_the_sequence(store: Store) -> None:
    await create(store)
    await save(store, write("before", "0"), write("k", "0"))
    await append(store, note("e1"))
    await save(store, write("k", "1", metadata={"m": 1}, run_id="r"))
    await save(store, write("k", '"1 again"'))
    await append(store, note("e2"))
    await save(store, write("k", "2"), write("after", "2"))
    await fork(store, sequence=1)

    every = StateFilter(all_versions=True)
    ours = await store.states.list(NAMESPACE, "f", every, PageRequest(100))
    theirs = await store.states.list(NAMESPACE, "s", every, PageRequest(100))
    assert [(state.key, state.version) for state in ours.items] == [
        ("before", 1),
        ("k", 3),
        ("k", 2),
        ("k", 1),
    ]
    assert list(ours.items) == [state for state in theirs.items if state.session_sequence <= 1]


async def test_the_newest_state_of_a_fork_is_the_newest_that_was_copied(store: Store) -> None:
    await create(store)
    await save(store, write("k", "1"))
    await append(store, note("e1"))
    await save(store, write("k", "2"), write("late", "2"))
    await fork(store, sequence=0)
    assert await load_json(store, session_id="f") == "1"
    newest = await store.states.list(NAMESPACE, "f", StateFilter(), PageRequest(100))
    assert [(state.key, state.version) for state in newest.items] == [("k", 1)]
    with pytest.raises(StateNotFound):
        await store.states.load(NAMESPACE, "f", "late")
    assert await save(store, write("k", "new", payload=Payload(json="3")), session_id="f") == [2]
    assert await save(store, write("late", "1", expected=0), session_id="f") == [1]


async def test_a_fork_of_an_ended_session_can_be_worked_on(store: Store) -> None:
    await create(store)
    await save(store, write("k", "1"))
    await move(store, "s", SessionStatus.FAILED)
    await fork(store)
    assert await save(store, write("k", "2"), session_id="f") == [2]
    assert (await move(store, "f", SessionStatus.ACTIVE)).status is SessionStatus.ACTIVE


async def test_events_of_a_fork_keep_their_ids_for_repeated_appends(store: Store) -> None:
    await source_with_events(store)
    await fork(store)
    assert await append(store, note("e1"), session_id="f") == [1]
    assert (await store.sessions.get(NAMESPACE, "f")).last_sequence == 6


async def test_a_fork_up_to_a_removed_event_uses_no_number_twice(store: Store) -> None:
    await create(store)
    await append(store, *notes(4))
    await store.events.replace(NAMESPACE, "s", Replacement(newest=2))
    copy = await fork(store, sequence=4)
    assert [event.sequence for event in await history(store, "f")] == [1, 2, 5]
    assert (copy.fork_sequence, copy.last_sequence) == (4, 5)


async def test_the_same_fork_again_returns_the_copy_as_it_is_now(store: Store) -> None:
    await source_with_events(store)
    await fork(store, sequence=3, title="t")
    moved = await move(store, "f", SessionStatus.ACTIVE)
    await append(store, note("more"))
    assert await fork(store, sequence=3, title="t") == moved
    await store.sessions.delete(NAMESPACE, "s")
    assert await fork(store, sequence=3, title="t") == moved


async def test_a_fork_of_all_again_returns_the_copy_even_when_the_source_has_grown(store: Store) -> None:
    await source_with_events(store)
    first = await fork(store)
    await append(store, note("more"))
    assert await fork(store) == first


@pytest.mark.parametrize("other", [{"sequence": 2}, {"sequence": None}, {"title": "t"}, {"source": "s2"}])
async def test_another_fork_to_the_same_id_raises_id_taken(store: Store, other: dict[str, Any]) -> None:
    await source_with_events(store)
    await create(store, "s2")
    await append(store, *notes(3), session_id="s2")
    first = await fork(store, sequence=3)
    with pytest.raises(IdTaken) as caught:
        await fork(store, **{"sequence": 3, **other})
    assert caught.value.metadata == {"resource": "session", "id": "f"}
    assert await store.sessions.get(NAMESPACE, "f") == first


async def test_a_fork_to_the_id_of_a_plain_session_raises_id_taken(store: Store) -> None:
    await source_with_events(store)
    plain = await create(store, "f")
    with pytest.raises(IdTaken):
        await fork(store)
    with pytest.raises(IdTaken):
        await fork(store, "s")
    assert await store.sessions.get(NAMESPACE, "f") == plain


async def test_a_plain_session_with_the_id_of_a_fork_raises_id_taken(store: Store) -> None:
    await source_with_events(store)
    await fork(store)
    with pytest.raises(IdTaken):
        await create(store, "f", parent="s", **FIELDS)


async def test_forking_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await fork(store)
    with pytest.raises(SessionNotFound):
        await store.sessions.get(NAMESPACE, "f")


async def test_forking_beyond_the_last_sequence_raises_invalid_field(store: Store) -> None:
    await source_with_events(store)
    with pytest.raises(InvalidField) as caught:
        await fork(store, sequence=6)
    assert caught.value.field == "sequence"
    with pytest.raises(SessionNotFound):
        await store.sessions.get(NAMESPACE, "f")


async def test_a_fork_can_be_forked(store: Store) -> None:
    await source_with_events(store)
    await fork(store, sequence=2)
    await append(store, note("mine"), session_id="f")
    again = await fork(store, "g", source="f")
    assert (again.parent_session_id, again.fork_sequence) == ("f", 4)
    assert [event.sequence for event in await history(store, "g")] == [1, 2, 3, 4, 5]


async def test_the_same_fork_many_times_at_once_makes_one_copy(store: Store) -> None:
    await source_with_events(store)
    copies = await asyncio.gather(*(fork(store) for _ in range(8)))
    assert len(set(map(repr, copies))) == 1
    assert len(await history(store, "f")) == 6


async def test_different_forks_at_once_are_each_whole_while_events_are_appended(store: Store) -> None:
    await create(store)
    appends = [append(store, *notes(3, f"a{n}-")) for n in range(10)]
    forks = [fork(store, f"f{n}") for n in range(6)]
    await asyncio.gather(*appends[:3], *forks[:2], *appends[3:6], *forks[2:], *appends[6:])
    for number in range(6):
        copy = await store.sessions.get(NAMESPACE, f"f{number}")
        events = await history(store, f"f{number}")
        assert copy.fork_sequence is not None
        # Whole requests: three events each.
        assert copy.fork_sequence % 3 == 0
        assert [event.sequence for event in events] == list(range(1, copy.fork_sequence + 2))
    assert len(await history(store)) == 30
