"""Whoever depends on what a session holds waits for the one who is changing it, on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.errors import VersionMismatch
from holdfastdb_server.domain.sessions import ForkDraft
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, history, notes
from tests.support.row_locks import RowLocks
from tests.support.sessions import change, update


@pytest.fixture(autouse=True)
async def session(store: SqlStore) -> None:
    """A session `s`."""
    await create(store)


async def test_a_fork_waits_for_events_that_are_being_appended(store: SqlStore, locks: RowLocks) -> None:
    async with locks.held("sessions", "id = 's'"):
        appending = asyncio.create_task(append(store, *notes(2)))
        await locks.until_somebody_waits()
        forking = asyncio.create_task(store.sessions.fork(NAMESPACE, "s", ForkDraft("f")))
        await locks.until_somebody_waits(count=2)
    assert await appending == [1, 2]
    assert (await forking).fork_sequence == 2
    assert [event.event_id for event in (await history(store, "f"))[:2]] == ["e1", "e2"]


async def test_a_deletion_at_a_version_waits_for_the_update_that_ends_it(
    store: SqlStore, locks: RowLocks
) -> None:
    async with locks.held("sessions", "id = 's'"):
        updating = asyncio.create_task(update(store, change(title="new")))
        await locks.until_somebody_waits()
        deleting = asyncio.create_task(store.sessions.delete(NAMESPACE, "s", expected_version=1))
        await locks.until_somebody_waits(count=2)
    updated = await updating
    with pytest.raises(VersionMismatch):
        await deleting
    assert await store.sessions.get(NAMESPACE, "s") == updated
