"""Everybody locks rows in one order, so that no two wait for each other.

PostgreSQL ends a deadlock and the store tries again, so that no other test would notice one. Here the first
row in the order is held by the test, and whoever waits for it must not have locked any other. That row was
written last and so lies behind the others: without an order PostgreSQL would come to it last.
"""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.errors import VersionMismatch
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.postgres.appends import SingleStatementAppends
from holdfastdb_server.storage.postgres.saves import SingleStatementSaves
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.entries import Append, Save
from holdfastdb_server.storage.write_path.transaction import Transaction
from tests.support.content import NAMESPACE, append, create, note, write
from tests.support.documents import draft, key, put, rows
from tests.support.memories import change, found, keep
from tests.support.row_locks import RowLocks
from tests.support.tasks import add, claim
from tests.support.waiting import PATIENCE

NAMES = ["a", "b", "c", "d"]


async def test_uses_of_memories_are_counted_in_the_order_of_their_keys(
    store: SqlStore, locks: RowLocks
) -> None:
    for name in NAMES:
        await keep(store, name, "lesson", confidence=0.5)
    await change(store, "a", confidence=0.1)
    async with locks.held("memories", "id = 'a'"):
        search = asyncio.create_task(found(store, "lesson", count_use=True))
        await locks.until_somebody_waits()
        assert await locks.free("memories", "id") == ["b", "c", "d"]
    assert await search == ["d", "c", "b", "a"]


async def test_uses_of_memories_are_counted_without_waiting_for_others(
    store: SqlStore, locks: RowLocks
) -> None:
    for name, lesson in (("a", "lesson"), ("b", "else")):
        await keep(store, name, lesson)
    async with locks.held("memories", "id = 'b'"):
        assert await locks.until_done(found(store, "lesson", count_use=True)) == ["a"]


async def test_a_memory_is_changed_and_deleted_as_it_is_when_it_is_locked(
    store: SqlStore, locks: RowLocks
) -> None:
    await keep(store, "a")
    async with locks.held("memories", "id = 'a'"):
        changing = []
        for number, name in enumerate(NAMES, 1):
            update = change(store, "a", merges=True, labels={name: "x"})
            changing.append(asyncio.create_task(update))
            await locks.until_somebody_waits(count=number)
        deleting = asyncio.create_task(store.memories.delete(NAMESPACE, "a", 1))
        await locks.until_somebody_waits(count=len(NAMES) + 1)
    await asyncio.gather(*changing)
    with pytest.raises(VersionMismatch):
        await deleting
    memory = await store.memories.get(NAMESPACE, "a")
    assert (memory.version, set(memory.fields.labels)) == (5, set(NAMES))


async def test_a_claim_waits_for_a_session_without_its_task(store: SqlStore, locks: RowLocks) -> None:
    await create(store, "a")
    await add(store, "t", session_id="a")
    async with locks.held("sessions", "id = 'a'"):
        claiming = asyncio.create_task(claim(store))
        await locks.until_somebody_waits()
        assert await locks.free("tasks", "id") == ["t"]
    assert (await claiming) is not None


async def test_a_claim_passes_over_a_task_that_another_is_about_to_get(
    store: SqlStore, locks: RowLocks
) -> None:
    await add(store, "urgent", priority=1)
    await add(store, "t")
    async with locks.held("tasks", "id = 'urgent'"):
        async with asyncio.timeout(PATIENCE):
            held = await claim(store)
    assert held is not None
    assert held.task.task_id == "t"


@pytest.fixture
async def sessions(store: SqlStore) -> None:
    """Sessions whose keys descend as their names ascend, the first of which was written last."""
    for name in reversed(NAMES):
        await create(store, name)
    await append(store, note(), session_id="d")


@pytest.mark.usefixtures("sessions")
async def test_sessions_are_locked_in_the_order_of_their_keys(store: SqlStore, locks: RowLocks) -> None:
    names = [(NAMESPACE, name) for name in NAMES]
    async with locks.held("sessions", "id = 'd'"):
        locking = asyncio.create_task(store.sessions._writer.run(lambda transaction: transaction.lock(names)))
        await locks.until_somebody_waits()
        assert await locks.free("sessions", "id") == ["a", "b", "c"]
    await locking


@pytest.mark.usefixtures("sessions")
async def test_appends_in_one_statement_lock_in_that_order_too(store: SqlStore, locks: RowLocks) -> None:
    writer = SingleStatementAppends(store._database, PostgresDialect(), lambda topics: None, NoObserver())
    requests = [Append(NAMESPACE, name, [note()], None) for name in NAMES]
    async with locks.held("sessions", "id = 'd'"):
        writing = asyncio.create_task(writer.write(requests))
        await locks.until_somebody_waits()
        assert await locks.free("sessions", "id") == ["a", "b", "c"]
    assert None not in await writing


@pytest.mark.usefixtures("sessions")
async def test_saves_in_one_statement_lock_in_that_order_too(store: SqlStore, locks: RowLocks) -> None:
    writer = SingleStatementSaves(store._database, PostgresDialect(), 3, NoObserver())
    requests = [Save(NAMESPACE, name, [write()], "") for name in NAMES]
    async with locks.held("sessions", "id = 'd'"):
        writing = asyncio.create_task(writer.write(requests))
        await locks.until_somebody_waits()
        assert await locks.free("sessions", "id") == ["a", "b", "c"]
    assert None not in await writing


async def test_a_deletion_waits_for_children_that_are_being_put_and_takes_them_too(
    store: SqlStore, locks: RowLocks
) -> None:
    await put(store, draft("a"))
    await put(store, draft("b", parent=key("a")))
    async with locks.held("documents", "id = 'b'"):
        putting = asyncio.create_task(put(store, draft("c", parent=key("b"))))
        await locks.until_somebody_waits()
        deleting = asyncio.create_task(store.documents.delete(NAMESPACE, key("a"), with_children=True))
        await locks.until_somebody_waits(count=2)
    assert (await putting).is_created
    assert await deleting == 3
    assert await rows(store) == 0


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("lock", ["lock", "try_lock"])
async def test_others_may_refer_to_a_session_that_is_locked_and_may_not_lock_it(
    store: SqlStore, locks: RowLocks, lock: str
) -> None:
    async def work(transaction: Transaction) -> None:
        await getattr(transaction, lock)([(NAMESPACE, "a"), (NAMESPACE, "b")])
        assert await locks.free("sessions", "id") == ["c", "d"]
        assert await locks.free("sessions", "id", strength="KEY SHARE") == NAMES

    await store.sessions._writer.run(work)


@pytest.mark.usefixtures("sessions")
async def test_sessions_are_locked_without_waiting_if_nobody_holds_them(
    store: SqlStore, locks: RowLocks
) -> None:
    async def work(transaction: Transaction) -> list[str]:
        await transaction.try_lock([(NAMESPACE, name) for name in NAMES])
        return [name for name in NAMES if transaction.find(NAMESPACE, name)]

    async with locks.held("sessions", "id = 'b'"):
        assert await locks.until_done(store.sessions._writer.run(work)) == ["a", "c", "d"]
