"""TableStatistics: PostgreSQL knows of our tables while they grow."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.postgres.analyze import TableStatistics
from holdfastdb_server.storage.schema import events
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import append, create, notes


async def test_a_table_is_analyzed_whenever_it_has_grown(two_stores: tuple[SqlStore, SqlStore]) -> None:
    # The stores may have analyzed already: what counts is what PostgreSQL knows afterwards.
    store, _ = two_stores
    # Without the pages that the rows of other tests have left.
    await store._database.run_at_once("TRUNCATE events", ())
    statistics = TableStatistics(store._database)
    await create(store)
    await append(store, *notes(1))
    await statistics.refresh()
    assert await _known_rows(store) < 300
    await append(store, *notes(300))
    await statistics.refresh()
    assert await _known_rows(store) >= 300
    assert await statistics.refresh() == []
    for turn in "xyz":
        await append(store, *notes(1_000, turn))
    await statistics.refresh()
    assert await _known_rows(store) > 1_000


async def _known_rows(store: SqlStore) -> float:
    known = sa.text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)")
    found = await store._database.read(lambda c: c.scalar(known, {"name": events.name}))
    assert found is not None
    return float(found)
