"""What is in another namespace does not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.events import EventFilter, Replacement
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter, StatePatch, StateSelection
from tests.support.content import EVERYTHING, append, create, draft, history, note, notes, save, write
from tests.support.tailing import following

PAGE = PageRequest(100, with_total=True)
RETITLED = SessionChange(SessionFields(title="x"), frozenset({"title"}))
FIELDS: dict[str, Any] = {
    "user_id": "u",
    "agent_id": "a",
    "task_id": "t",
    "labels": {"l": "1"},
    "metadata": {"m": 1},
}

CALLS: dict[str, Callable[[Store, str], Awaitable[Any]]] = {
    "get": lambda store, where: store.sessions.get(where, "s"),
    "update": lambda store, where: store.sessions.update(where, "s", RETITLED),
    "transition": lambda store, where: store.sessions.transition(
        where, "s", Transition(SessionStatus.ACTIVE)
    ),
    "delete": lambda store, where: store.sessions.delete(where, "s"),
    "fork": lambda store, where: store.sessions.fork(where, "s", ForkDraft("f")),
    "create a child": lambda store, where: store.sessions.create(where, draft("child", parent="s")),
    "save": lambda store, where: store.states.save(where, "s", [write()]),
    "patch": lambda store, where: store.states.patch(where, "s", StatePatch("k", '{"a":1}')),
    "load": lambda store, where: store.states.load(where, "s", "k"),
    "list states": lambda store, where: store.states.list(where, "s", StateFilter(), PAGE),
    "delete states": lambda store, where: store.states.delete(where, "s", StateSelection()),
    "append": lambda store, where: store.events.append(where, "s", [note("new")]),
    "list": lambda store, where: store.events.list(where, "s", EVERYTHING, PAGE),
    "replace": lambda store, where: store.events.replace(where, "s", Replacement()),
    "summarize": lambda store, where: store.events.summarize(where, "s", EVERYTHING, [], 0),
    "tail": lambda store, where: anext(store.events.tail(where, "s", 0, EVERYTHING)),
}


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """Every test here has a full session `s` in the namespace `here`."""
    await create(store, namespace="here", **FIELDS)
    await append(store, *(note(f"e{n}", trace_id="x") for n in range(3)), namespace="here")
    await save(store, write("k", "{}"), namespace="here")


async def seen(store: Store, namespace: str) -> tuple[Any, ...]:
    states = await store.states.list(namespace, "s", StateFilter(all_versions=True), PAGE)
    return await store.sessions.get(namespace, "s"), await history(store, namespace=namespace), states


@pytest.mark.parametrize("name", CALLS)
async def test_a_session_of_another_namespace_is_not_found(store: Store, name: str) -> None:
    before = await seen(store, "here")
    for elsewhere in ("there", "Here", "here ", "", "her", "%"):
        with pytest.raises(SessionNotFound):
            await CALLS[name](store, elsewhere)
    assert await seen(store, "here") == before


@pytest.mark.parametrize("name", CALLS)
async def test_the_same_ids_in_another_namespace_are_others(store: Store, name: str) -> None:
    before = await seen(store, "here")
    await create(store, namespace="there", title="there")
    await append(store, note("e0", "other content"), namespace="there")
    await save(store, write("k", "{}", expected=0), namespace="there")
    await CALLS[name](store, "there")
    assert await seen(store, "here") == before


async def test_lists_of_sessions_show_only_their_own_namespace(store: Store) -> None:
    mine = await create(store, "mine", namespace="there", **FIELDS)
    session = await store.sessions.get("here", "s")
    filters = [
        SessionFilter(),
        SessionFilter(user_id="u"),
        SessionFilter(agent_id="a"),
        SessionFilter(task_id="t"),
        SessionFilter(labels={"l": "1"}),
        SessionFilter(metadata={"m": 1}),
        SessionFilter(statuses=[SessionStatus.PENDING]),
        SessionFilter(created_from=session.create_time),
    ]
    for where in filters:
        for descending in (False, True):
            page = PageRequest(100, None, descending, with_total=True)
            assert await store.sessions.list("there", where, page) == Page([mine], None, 1)
            assert await store.sessions.list("here", where, page) == Page([session], None, 1)
            assert await store.sessions.list("nowhere", where, page) == Page([], None, 0)


async def test_a_cursor_of_another_namespace_shows_nothing_of_it(store: Store) -> None:
    for number in range(3):
        await create(store, f"h{number}", namespace="here")
        await create(store, f"t{number}", namespace="there")
    first = await store.sessions.list("here", SessionFilter(), PageRequest(1))
    page = await store.sessions.list("there", SessionFilter(), PageRequest(100, first.next))
    assert {session.session_id for session in page.items} <= {"t0", "t1", "t2"}


async def test_children_are_found_only_in_their_own_namespace(store: Store) -> None:
    await create(store, "child", namespace="here", parent="s")
    await create(store, namespace="there")
    page = await store.sessions.list("there", SessionFilter(parent_session_id="s"), PAGE)
    assert page == Page([], None, 0)


async def test_a_trace_shows_only_its_own_namespace(store: Store) -> None:
    await create(store, "t", namespace="there")
    await append(store, note("mine", trace_id="x"), session_id="t", namespace="there")
    where = EventFilter(trace_id="x")
    page = await store.events.list_trace("there", where, PAGE)
    assert ([event.event_id for event in page.items], page.total_size) == (["mine"], 1)
    assert (await store.events.list_trace("here", where, PAGE)).total_size == 3
    assert await store.events.list_trace("nowhere", where, PAGE) == Page([], None, 0)


async def test_a_tail_gets_nothing_of_another_namespace(store: Store) -> None:
    await create(store, namespace="there")
    async with following(store, namespace="there") as tail:
        await append(store, *notes(3, "here"), namespace="here")
        await append(store, *notes(1, "mine"), namespace="there")
        await tail.until_sequence(1)
        assert [event.event_id for event in tail.events] == ["mine1"]


async def test_deleting_everything_in_one_namespace_leaves_the_other(store: Store) -> None:
    await create(store, namespace="there")
    before = await seen(store, "here")
    await store.sessions.delete("there", "s")
    assert await seen(store, "here") == before
