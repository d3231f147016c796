"""Which indexes the engines use for sessions: no frequent call reads a whole table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.domain.events import EventFilter, EventGrouping, Replacement
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter, StatePatch, StateSelection
from holdfastdb_server.storage import schema
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import EVERYTHING, NAMESPACE, draft, note, write
from tests.support.filled import START, FilledStore, filled_store
from tests.support.session_rows import EVENTS, fill

LARGE = {"sessions", "session_label_index", "events", "states", "state_versions", "requests"}
PAGE = PageRequest(20)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[FilledStore]:
    """Thousands of sessions in two namespaces; one with many events and states, others with a few."""
    async with filled_store(request, fill, LARGE, for_any_parameters=True) as filled:
        yield filled


SESSION_FILTERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "user": ({"user_id": "user 7"}, {"sessions_user_id_idx"}),
    "agent": ({"agent_id": "agent 7"}, {"sessions_agent_id_idx"}),
    "parent": ({"parent_session_id": "s7"}, {"sessions_parent_id_idx"}),
    "task": ({"task_id": "task 7"}, {"sessions_task_id_idx"}),
    "labels": ({"labels": {"team": "team 7"}}, {"sessions_labels_idx", "session_label_index"}),
    "metadata": ({"metadata": {"customer": 7}}, {"sessions_metadata_idx", "session_label_index"}),
    "statuses": ({"statuses": [SessionStatus.ACTIVE, SessionStatus.PENDING]}, set()),
    "time": (
        {"created_from": START + timedelta(days=1), "created_until": START + timedelta(days=2)},
        {"sessions_namespace_create_time_key_idx", "sessions_namespace_idx"},
    ),
}


async def first_pages(store: SqlStore, where: SessionFilter) -> None:
    """Read the first page and the one after it, in both directions."""
    for descending in (False, True):
        first = await store.sessions.list(NAMESPACE, where, PageRequest(20, None, descending))
        cursor = first.next or (1_704_067_200_000_000, 1_000)
        await store.sessions.list(NAMESPACE, where, PageRequest(20, cursor, descending))


async def test_the_list_of_all_sessions_reads_no_more_than_its_page(filled: FilledStore) -> None:
    await filled.check(first_pages(filled.store, SessionFilter()), rows=21)


@pytest.mark.parametrize("name", SESSION_FILTERS)
async def test_each_filter_of_sessions_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = SESSION_FILTERS[name]
    used = await filled.check(first_pages(filled.store, SessionFilter(**where)), rows=250)
    if wanted:
        assert any(str(index).startswith(tuple(wanted)) for index in used), used


@pytest.mark.parametrize("status", SessionStatus)
async def test_one_status_is_answered_by_its_index(filled: FilledStore, status: SessionStatus) -> None:
    used = await filled.check(first_pages(filled.store, SessionFilter(statuses=[status])), rows=250)
    assert used


@pytest.mark.parametrize("size", [2, 3, len(SESSION_FILTERS)])
async def test_combined_filters_of_sessions_are_answered_by_indexes(filled: FilledStore, size: int) -> None:
    for names in combinations(SESSION_FILTERS, size):
        where: dict[str, Any] = {}
        for name in names:
            where |= SESSION_FILTERS[name][0]
        page = PageRequest(20, None, descending=True)
        # At most what the time's range holds.
        call = filled.store.sessions.list(NAMESPACE, SessionFilter(**where), page)
        await filled.check(call, rows=1_500)


async def test_frequent_labels_are_found_without_reading_the_table(filled: FilledStore) -> None:
    where = SessionFilter(labels={"env": "env 1", "team": "team 7"}, metadata={"kind": "kind 1"})
    await filled.check(first_pages(filled.store, where))


async def test_sessions_and_states_are_got_by_their_keys(filled: FilledStore) -> None:
    store = filled.store
    await filled.check(
        store.sessions.get(NAMESPACE, "s7"),
        store.states.load(NAMESPACE, "s0", "k/7/7"),
        store.states.load(NAMESPACE, "s0", "k/7/7", 1),
        rows=10,
    )


EVENT_FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "types": {"types": ["type.*"]},
    "actor": {"actor": "actor 3"},
    "labels": {"labels": {"l": "7"}},
    "times": {"happened_from": START},
}


@pytest.mark.parametrize("name", EVENT_FILTERS)
async def test_events_of_a_session_are_read_from_their_place(filled: FilledStore, name: str) -> None:
    where = EventFilter(**EVENT_FILTERS[name])

    async def read() -> None:
        for descending in (False, True):
            await filled.store.events.list(NAMESPACE, "s0", where, PageRequest(20, None, descending))
            await filled.store.events.list(NAMESPACE, "s0", where, PageRequest(20, (3_000,), descending))
            await filled.store.events.list(
                NAMESPACE, "s0", where, PageRequest(20, None, descending), 2_000, 5_000
            )

    # Twice: their keys and sizes, then the events; a filter passes over others.
    await filled.check(read(), rows=EVENTS // 2 + 50 if name == "labels" else 200)


async def test_events_of_a_trace_are_read_from_their_place(filled: FilledStore) -> None:
    where = EventFilter(trace_id="trace 7")

    async def read() -> None:
        for descending in (False, True):
            first = await filled.store.events.list_trace(NAMESPACE, where, PageRequest(5, None, descending))
            await filled.store.events.list_trace(NAMESPACE, where, PageRequest(5, first.next, descending))

    used = await filled.check(read(), rows=60)
    assert "events_trace_id_idx" in used


STATE_FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "prefix": {"key_prefix": "k/7/"},
    "bounds": {"key_after": "k/2/", "key_before": "k/25/"},
    "all": {"key_prefix": "k/7/", "key_after": "k/7/1", "run_id": "r7", "metadata": {"m": 7}},
}


@pytest.mark.parametrize("all_versions", [False, True])
@pytest.mark.parametrize("name", STATE_FILTERS)
async def test_states_of_a_session_are_read_from_their_place(
    filled: FilledStore, name: str, all_versions: bool
) -> None:
    where = StateFilter(all_versions=all_versions, **STATE_FILTERS[name])

    async def read() -> None:
        for descending in (False, True):
            await filled.store.states.list(NAMESPACE, "s0", where, PageRequest(20, None, descending))
            await filled.store.states.list(
                NAMESPACE, "s0", where, PageRequest(20, ("k/7/757", 1), descending)
            )

    # Heads, their versions, and what is shown once more; a filter passes over others.
    await filled.check(read(), rows=1_000 if name == "all" else 70 + 180 * all_versions)


async def test_writes_enter_indexes_only(filled: FilledStore) -> None:
    store = filled.store
    await store.sessions.create(NAMESPACE, draft("new"))
    await filled.check(
        store.sessions.create(NAMESPACE, draft("newer", parent="new")),
        store.sessions.update(
            NAMESPACE, "new", SessionChange(SessionFields(title="t"), frozenset({"title"})), request_id="r1"
        ),
        store.sessions.transition(NAMESPACE, "new", Transition(SessionStatus.ACTIVE), request_id="r2"),
        store.events.append(NAMESPACE, "new", [note("e1"), note("e2")]),
        # Repeated: looked up by its id.
        store.events.append(NAMESPACE, "new", [note("e1"), note("e2")]),
        store.states.save(NAMESPACE, "new", [write("k", "{}")], "r3"),
        store.states.save(NAMESPACE, "new", [write("k", "{}")], "r3"),
        store.states.patch(NAMESPACE, "new", StatePatch("k", '{"a":1}'), "r4"),
        store.states.delete(NAMESPACE, "new", StateSelection(keys=["k"])),
        store.states.delete(NAMESPACE, "new", StateSelection(key_prefix="k")),
        store.events.replace(NAMESPACE, "new", Replacement(newest=1), request_id="r5"),
        store.sessions.fork(NAMESPACE, "new", ForkDraft("fork")),
        store.events.summarize(NAMESPACE, "new", EVERYTHING, [EventGrouping.TYPE], 0),
        store.sessions.delete(NAMESPACE, "new"),
    )


async def test_every_foreign_key_is_the_head_of_an_index() -> None:
    """Or deleting a session would read the whole of each table that refers to it."""
    for table in schema.metadata.sorted_tables:
        keyed = [c for c in table.constraints if isinstance(c, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
        heads = {next(iter(indexed.columns)).name for indexed in (*table.indexes, *keyed)}
        for key in table.foreign_keys:
            assert key.parent.name in heads, f"{table.name}.{key.parent.name}"
