"""Which rows of tasks, approvals, runs and plans are locked, and for which of them nobody waits.

A test holds the lock of a row, so that a change and what comes after it have to wait for it, in this order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.approvals import ApprovalStatus
from holdfastdb_server.domain.errors import VersionMismatch
from holdfastdb_server.domain.tasks.moves import Claim, Lease
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import MINUTE, Clock, ask, decide
from tests.support.content import NAMESPACE, create
from tests.support.plans import create_plan, update_plan
from tests.support.row_locks import RowLocks
from tests.support.runs import start, update
from tests.support.tasks import add, change, claim, lapsed
from tests.support.waiting import PATIENCE


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of approvals, to move on."""
    return Clock(monkeypatch)


async def test_a_claim_that_waited_for_a_session_takes_a_task_of_that_session(
    store: SqlStore, locks: RowLocks
) -> None:
    await create(store)
    await add(store, "t", session_id="s")
    async with locks.held("sessions", "id = 's'"):
        claiming = asyncio.create_task(claim(store))
        await locks.until_somebody_waits()
        await add(store, "urgent", priority=9)
    held = await claiming
    assert held is not None
    assert held.task.task_id == "t"


async def test_a_claim_that_waited_for_a_session_without_tasks_takes_another(
    store: SqlStore, locks: RowLocks
) -> None:
    await create(store)
    await add(store, "t", session_id="s")
    async with locks.held("sessions", "id = 's'"):
        claiming = asyncio.create_task(claim(store))
        await locks.until_somebody_waits()
        await store.tasks.delete(NAMESPACE, "t")
        await add(store, "u")
    held = await claiming
    assert held is not None
    assert held.task.task_id == "u"


async def test_a_claim_locks_the_task_that_it_takes_and_its_session_in_one_transaction(
    store: SqlStore, locks: RowLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts, attempt = [], store.tasks._claims._attempt

    async def counted(namespace: str, wanted: Claim, request_id: str, session_id: str) -> Lease:
        attempts.append(session_id)
        return await attempt(namespace, wanted, request_id, session_id)

    monkeypatch.setattr(store.tasks._claims, "_attempt", counted)
    for session_id in ("s", "other"):
        await create(store, session_id)
    for task_id in ("t", "u", "v"):
        await add(store, task_id, session_id="s")
    async with locks.unwritable("events"):
        claiming = asyncio.create_task(claim(store))
        await locks.until_somebody_waits()
        assert await locks.free("tasks", "id") == ["u", "v"]
        assert await locks.free("sessions", "id") == ["other"]
    assert await claiming is not None
    assert attempts == [""]


async def test_a_claim_waits_for_another_with_its_request_id_and_for_no_other(
    store: SqlStore, locks: RowLocks
) -> None:
    for task_id in ("t", "u"):
        await add(store, task_id)
    is_held, is_over = asyncio.Event(), asyncio.Event()

    async def hold(connection: AsyncConnection) -> None:
        for name in (f"claim/{NAMESPACE}/r", f"claim/{NAMESPACE}/"):
            await PostgresDialect().lock_name(connection, name)
        is_held.set()
        await is_over.wait()

    holding = asyncio.create_task(store._database.write(hold))
    await is_held.wait()
    try:
        claiming = asyncio.create_task(claim(store, request_id="r"))
        await locks.until_somebody_waits()
        async with asyncio.timeout(PATIENCE):
            assert await claim(store) is not None
    finally:
        is_over.set()
        await holding
    assert await claiming is not None


async def test_a_lapsed_task_that_is_being_changed_is_passed_over(store: SqlStore, locks: RowLocks) -> None:
    for task_id in ("a", "b"):
        await add(store, task_id, max_attempts=1)
        await lapsed(store, task_id)
    async with locks.held("tasks", "id = 'a'"):
        await locks.until_done(store.tasks.requeue_lapsed(10))
    assert await store.tasks.requeue_lapsed(10) == 1


Call = Callable[[SqlStore], Coroutine[Any, Any, Any]]

# For each table how a row is made, changed, and deleted at its first version.
VERSIONED: dict[str, tuple[Call, Call, Call]] = {
    "tasks": (
        add,
        lambda store: change(store, phase="x"),
        lambda store: store.tasks.delete(NAMESPACE, "t", 1),
    ),
    "plans": (
        create_plan,
        lambda store: update_plan(store, title="x"),
        lambda store: store.plans.delete(NAMESPACE, "p", 1),
    ),
}


@pytest.mark.parametrize("table", VERSIONED)
async def test_a_row_is_deleted_at_the_version_that_it_has_when_it_is_locked(
    store: SqlStore, locks: RowLocks, table: str
) -> None:
    make, modify, delete = VERSIONED[table]
    await make(store)
    async with locks.held(table, "true"):
        changing = asyncio.create_task(modify(store))
        await locks.until_somebody_waits()
        deleting = asyncio.create_task(delete(store))
        await locks.until_somebody_waits(count=2)
    await changing
    with pytest.raises(VersionMismatch):
        await deleting


async def test_an_update_of_a_run_builds_on_the_one_that_it_waited_for(
    store: SqlStore, locks: RowLocks
) -> None:
    await start(store)
    async with locks.held("runs", "id = 'r'"):
        updates = [asyncio.create_task(update(store, labels={name: "x"})) for name in ("a", "b")]
        await locks.until_somebody_waits(count=2)
    await asyncio.gather(*updates)
    assert set((await store.runs.get(NAMESPACE, "r")).results.labels) == {"a", "b"}


async def test_an_expiry_that_waited_for_a_decision_leaves_it_alone(
    store: SqlStore, locks: RowLocks, clock: Clock
) -> None:
    await ask(store, "a", ttl=MINUTE)
    async with locks.held("approvals", "id = 'a'"):
        deciding = asyncio.create_task(decide(store))
        await locks.until_somebody_waits()
        clock.advance(61)
        expiring = asyncio.create_task(store.approvals.expire(10))
        await locks.until_somebody_waits(count=2)
    assert (await deciding).status is ApprovalStatus.APPROVED
    assert await expiring == 0
    assert await store.approvals.get(NAMESPACE, "a") == await deciding


async def test_expiries_are_written_in_the_order_of_their_keys(
    store: SqlStore, locks: RowLocks, clock: Clock
) -> None:
    for approval_id in ("a", "b", "c"):
        await ask(store, approval_id, ttl=MINUTE)
    await locks.rewrite("approvals", "id = 'a'")
    clock.advance(61)
    async with locks.held("approvals", "id = 'a'"):
        expiring = asyncio.create_task(store.approvals.expire(10))
        await locks.until_somebody_waits()
        assert await locks.free("approvals", "id") == ["b", "c"]
    assert await expiring == 3


async def test_an_expiry_waits_for_the_session_of_no_other_approval(
    store: SqlStore, locks: RowLocks, clock: Clock
) -> None:
    await create(store)
    await ask(store, "later", session_id="s")
    await ask(store, "a", ttl=MINUTE)
    clock.advance(61)
    async with locks.held("sessions", "id = 's'"):
        assert await locks.until_done(store.approvals.expire(10)) == 1
