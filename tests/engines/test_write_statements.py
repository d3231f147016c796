"""Each statement of the write path finds, changes or deletes the rows that it names, and no others.

The tables have rows that agree with those named in all of their columns but one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.base import InlineRows
from holdfastdb_server.storage.schema import requests, sessions, state_versions
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.statements import Statements
from tests.support.content import append, create, notes, save, write
from tests.support.filled import insert

KEYS = ("k1", "k2", "k3")
NAMES = [(namespace, session_id) for namespace in ("x", "y") for session_id in ("a", "b")]
FIRST, LAST = ("x", "a"), ("y", "b")


@pytest.fixture
async def keys(store: SqlStore) -> dict[tuple[str, str], int]:
    """The keys of four sessions, each with three events, three states of four versions and three requests."""
    for namespace, session_id in NAMES:
        await create(store, session_id, namespace=namespace)
        await append(store, *notes(3, "k"), session_id=session_id, namespace=namespace)
        for number in range(4):
            writes = [write(key, str(number)) for key in KEYS]
            request_id = f"k{number}" if number else ""
            await save(store, *writes, session_id=session_id, namespace=namespace, request_id=request_id)
    rows = await run(store, sa.select(sessions.c.namespace, sessions.c.id, sessions.c.key))
    return {(row.namespace, row.id): row.key for row in rows}


async def run(store: SqlStore, statement: Any, params: dict[str, Any] | None = None) -> list[Any]:
    """Execute a statement; return its rows."""

    async def work(connection: AsyncConnection) -> list[Any]:
        result = await connection.execute(statement, params or {})
        return list(result.all()) if result.returns_rows else []

    return await store._database.write(work)


@pytest.fixture
def statements(store: SqlStore) -> Statements:
    """The statements in the store's dialect."""
    return Statements(store._database.dialect)


@pytest.mark.parametrize("name", ["sessions_by_name", "lock_sessions", "try_lock_sessions"])
async def test_sessions_are_found_by_namespace_and_id(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int], name: str
) -> None:
    found = await run(store, getattr(statements, name), statements.names.params([FIRST, LAST, ("x", "c")]))
    assert sorted((row.namespace, row.id, row.key) for row in found) == [
        (*FIRST, keys[FIRST]),
        (*LAST, keys[LAST]),
    ]


Named = Callable[[Statements], tuple[Any, InlineRows]]
BY_SESSION_AND_NAME: dict[str, tuple[Named, str]] = {
    "events": (lambda statements: (statements.events_by_id, statements.keyed), "event_id"),
    "states": (lambda statements: (statements.heads_by_key, statements.keyed), "key"),
    "requests": (
        lambda statements: (statements.requests.find_to_sessions, statements.requests.to_sessions),
        "request_id",
    ),
}


@pytest.mark.parametrize("table", BY_SESSION_AND_NAME)
async def test_rows_of_sessions_are_found_by_session_and_name(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int], table: str
) -> None:
    named, column = BY_SESSION_AND_NAME[table]
    statement, rows = named(statements)
    wanted = [(keys[FIRST], "k1"), (keys[LAST], "k2"), (keys[LAST], "k9")]
    found = await run(store, statement, rows.params(wanted))
    assert sorted((row.session_key, getattr(row, column)) for row in found) == sorted(wanted[:2])


async def test_a_version_is_found_by_namespace_session_key_and_number(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int]
) -> None:
    loads = [
        (0, *FIRST, "k1", 2),
        (1, *LAST, "k2", None),
        (2, *LAST, "k2", 9),
        (3, *LAST, "k9", None),
        (4, "x", "c", "k1", None),
    ]
    found = await run(store, statements.load_states, statements.loads.params(loads))
    assert sorted([(row.request_index, row.session_key, row.key, row.version) for row in found], key=str) == [
        (0, keys[FIRST], "k1", 2),
        (1, keys[LAST], "k2", 4),
        (2, None, None, None),
        (3, None, None, None),
    ]


async def test_the_last_sequences_of_sessions_are_found_by_their_keys(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int]
) -> None:
    params = statements.keys.params([(keys[FIRST],), (keys[LAST],), (0,)])
    found = await run(store, statements.last_sequences, params)
    assert sorted((row.key, row.last_sequence) for row in found) == sorted(
        [(keys[FIRST], 3), (keys[LAST], 3)]
    )


async def test_the_oldest_versions_of_a_state_are_deleted_and_no_other_rows(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int]
) -> None:
    columns = state_versions.c.session_key, state_versions.c.key, state_versions.c.version
    before = {tuple(row) for row in await run(store, sa.select(*columns))}
    params = statements.bounds.params([(keys[FIRST], "k1", 2), (keys[LAST], "k2", 1)])
    await run(store, statements.trim_versions, params)
    after = {tuple(row) for row in await run(store, sa.select(*columns))}
    assert before - after == {(keys[FIRST], "k1", 1), (keys[FIRST], "k1", 2), (keys[LAST], "k2", 1)}


async def test_each_session_that_is_touched_gets_its_own_sequence_and_time(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int]
) -> None:
    columns = sessions.c.key, sessions.c.last_sequence, sessions.c.last_activity_time
    before = {row.key: tuple(row) for row in await run(store, sa.select(*columns))}
    times = [(await store.sessions.get(*name)).create_time for name in (FIRST, LAST)]
    touched = [(keys[FIRST], 7, times[1]), (keys[LAST], 8, times[0])]
    await run(store, statements.touch_sessions, statements.progress.params(touched))
    after = {row.key: tuple(row) for row in await run(store, sa.select(*columns))}
    assert after == before | {row[0]: row for row in touched}


async def test_a_request_to_no_session_is_found_by_namespace_and_id(
    store: SqlStore, statements: Statements, keys: dict[tuple[str, str], int]
) -> None:
    """And no request to a session, though it has the same namespace and id."""
    given = "namespace", "session_key", "request_id", "fingerprint", "result", "create_time"
    time = (await store.sessions.get(*FIRST)).create_time
    rows = [(namespace, None, name, b"", "{}", time) for namespace in ("x", "y") for name in ("k1", "k2")]
    await insert(store, requests, [dict(zip(given, row, strict=True)) for row in rows])
    params = {"namespace": "x", "request_id": "k1"}
    found = await run(store, statements.requests.find_in_namespace, params)
    assert [(row.namespace, row.request_id, row.session_key) for row in found] == [("x", "k1", None)]
