"""Many rows in one insertion: how many of them were new is counted right, on each engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage import schema
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path import rows
from tests.support.content import create, note

NOW = datetime.now(UTC)


@pytest.fixture
async def session_key(store: SqlStore) -> int:
    """The key of a session."""
    await create(store)
    key = await store._database.read(lambda connection: connection.scalar(sa.select(schema.sessions.c.key)))
    assert isinstance(key, int)
    return key


def event_rows(session_key: int, start: int, end: int) -> list[tuple[Any, ...]]:
    return [
        rows.event_row(session_key, number, "n", f"e{number}", note(f"e{number}"), NOW)
        for number in range(start, end)
    ]


async def insert(store: SqlStore, events: list[tuple[Any, ...]]) -> int:
    dialect = store._database.dialect
    return await store._database.write(
        lambda connection: dialect.insert_missing_rows(connection, schema.events, events)
    )


async def test_rows_that_exist_are_not_counted(store: SqlStore, session_key: int) -> None:
    assert await insert(store, event_rows(session_key, 100, 110)) == 10
    # More than a statement of SQLite takes.
    assert await insert(store, event_rows(session_key, 1, 351)) == 340
    assert await insert(store, event_rows(session_key, 1, 351)) == 0
    count = sa.select(sa.func.count()).select_from(schema.events)
    assert await store._database.read(lambda connection: connection.scalar(count)) == 350
