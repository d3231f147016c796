"""The janitor waits for nobody: it passes over what is locked on PostgreSQL, and only over that."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import create, save, write
from tests.support.overdue import KINDS, POLICY, Kind
from tests.support.row_locks import RowLocks
from tests.support.stores import StoreOpener


@pytest.fixture
async def store(opener: StoreOpener) -> SqlStore:
    """A store that deletes ended sessions."""
    return await opener(policy=POLICY)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_rows_that_are_locked_are_passed_over(store: SqlStore, locks: RowLocks, kind: Kind) -> None:
    await kind.make_overdue(store, "1", "2")
    async with locks.held(kind.name.table.name, f"{kind.name.name} = '2'"):
        assert (await locks.until_done(kind.run(store))).count == 1
    assert await kind.names_left(store) == ["2"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.counts == "sessions_expired"])
async def test_a_session_expires_while_rows_that_refer_to_it_are_written(
    store: SqlStore, locks: RowLocks, kind: Kind
) -> None:
    await kind.make_overdue(store, "1")
    async with locks.held("sessions", "id = '1'", strength="KEY SHARE"):
        assert (await locks.until_done(kind.run(store))).count == 1


async def trimmed(opener: StoreOpener, locks: RowLocks, table: str, condition: str) -> int:
    """Return how many of two versions too many are deleted while rows are locked."""
    store = await opener()
    await create(store)
    for _ in range(3):
        await save(store, write())
    store = await opener(policy=Policy(state_versions_kept=1))
    (job,) = (job for job in store.janitor._jobs if job.counts == "versions_deleted")
    async with locks.held(table, condition):
        return (await locks.until_done(job.run_batch(10))).count


async def test_versions_that_are_locked_are_passed_over(opener: StoreOpener, locks: RowLocks) -> None:
    assert await trimmed(opener, locks, "state_versions", "version = 1") == 1


async def test_old_versions_are_deleted_while_one_is_saved(opener: StoreOpener, locks: RowLocks) -> None:
    assert await trimmed(opener, locks, "states", "key = 'k'") == 2
