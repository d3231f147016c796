"""ApprovalStore.wait: it returns as soon as the approval is decided, on any server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalStatus
from holdfastdb_server.domain.errors import ApprovalNotFound, Overloaded, ServerDraining
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import Clock, ask, decide
from tests.support.content import NAMESPACE, create
from tests.support.stores import StoreOpener
from tests.support.waiting import PATIENCE, eventually

LONG = 300.0


def waiting(store: Store, approval_id: str = "a", seconds: float = LONG) -> asyncio.Task[Approval]:
    return asyncio.create_task(store.approvals.wait(NAMESPACE, approval_id, seconds))


async def until_waiting(store: SqlStore, count: int = 1) -> None:
    await eventually(lambda: store._waits._count == count, f"{count} who wait")


async def test_a_decision_wakes_all_who_wait(open_store: StoreOpener) -> None:
    store = await open_store(poll_interval=LONG)
    await ask(store)
    waits = [waiting(store) for _ in range(5)]
    await until_waiting(store, 5)
    decided = await decide(store)
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*waits) == [decided] * 5
    await until_waiting(store, 0)
    assert not store._waits._open


@pytest.mark.parametrize("status", [ApprovalStatus.REJECTED, ApprovalStatus.CANCELLED])
async def test_a_rejection_and_a_cancellation_wake_too(store: SqlStore, status: ApprovalStatus) -> None:
    await ask(store)
    wait = waiting(store)
    await until_waiting(store)
    await decide(store, status=status)
    async with asyncio.timeout(PATIENCE):
        assert (await wait).status is status


async def test_one_that_is_decided_answers_at_once(store: Store) -> None:
    await ask(store)
    decided = await decide(store)
    assert await store.approvals.wait(NAMESPACE, "a", 0) == decided
    async with asyncio.timeout(PATIENCE):
        assert await store.approvals.wait(NAMESPACE, "a", LONG) == decided


async def test_when_the_wait_is_over_it_is_still_pending(store: Store) -> None:
    asked = await ask(store)
    assert await store.approvals.wait(NAMESPACE, "a", 0) == asked
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert await store.approvals.wait(NAMESPACE, "a", 0.01) == asked
    assert loop.time() >= begin + 0.01


async def test_the_decision_of_another_does_not_end_the_wait(store: SqlStore) -> None:
    await ask(store)
    await ask(store, "b")
    wait = waiting(store)
    await until_waiting(store)
    await decide(store, "b")
    store._signals.wake_all()
    assert (await store.approvals.wait(NAMESPACE, "a", 0.01)).status is ApprovalStatus.PENDING
    assert not wait.done()
    await decide(store)
    async with asyncio.timeout(PATIENCE):
        assert (await wait).status is ApprovalStatus.APPROVED


async def test_an_expiry_ends_the_wait_of_itself(store: SqlStore) -> None:
    await ask(store, ttl=timedelta(seconds=1))
    async with asyncio.timeout(PATIENCE):
        approval = await store.approvals.wait(NAMESPACE, "a", LONG)
    assert approval.status is ApprovalStatus.EXPIRED
    assert approval.end_time == approval.expire_time


async def test_an_expiry_written_by_somebody_else_ends_the_wait(
    open_store: StoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(poll_interval=LONG)
    await ask(store, ttl=timedelta(minutes=1))
    wait = waiting(store)
    await until_waiting(store)
    Clock(monkeypatch).advance(61)
    await store.approvals.expire(10)
    async with asyncio.timeout(PATIENCE):
        assert (await wait).status is ApprovalStatus.EXPIRED


async def test_the_deletion_of_its_session_ends_the_wait(open_store: StoreOpener) -> None:
    store = await open_store(poll_interval=0.05)
    await create(store)
    await ask(store, session_id="s")
    wait = waiting(store)
    await until_waiting(store)
    await store.sessions.delete(NAMESPACE, "s")
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ApprovalNotFound):
            await wait


async def test_another_approval_that_has_got_the_id_is_not_waited_for(open_store: StoreOpener) -> None:
    store = await open_store(poll_interval=LONG)
    await create(store)
    await ask(store, session_id="s")
    wait = waiting(store)
    await until_waiting(store)
    await store.sessions.delete(NAMESPACE, "s")
    await ask(store)
    store._signals.wake_all()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ApprovalNotFound):
            await wait


async def test_who_was_woken_for_nothing_looks_once_and_waits_again(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = [], store.approvals._look

    async def counted(namespace: str, approval_id: str) -> Any:
        looks.append(approval_id)
        return await look(namespace, approval_id)

    monkeypatch.setattr(store.approvals, "_look", counted)
    await ask(store)
    wait = waiting(store)
    await eventually(lambda: len(looks) == 2)
    store._signals.wake_all()
    await eventually(lambda: len(looks) > 2)
    for number in range(10):  # in which time a wait that does not clear its signal looks again
        await create(store, f"s{number}")
    assert len(looks) == 3
    await decide(store)
    await wait


async def test_a_decision_through_another_server_ends_the_wait(two_stores: tuple[SqlStore, SqlStore]) -> None:
    here, there = two_stores
    await ask(here)
    waits = [waiting(here), waiting(there)]
    await until_waiting(here)
    await until_waiting(there)
    decided = await decide(there)
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*waits) == [decided, decided]


async def test_a_poll_covers_a_signal_that_was_lost(
    two_stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two_stores
    monkeypatch.setattr(there._announcer, "announce", lambda topics: None)
    await ask(here)
    wait = waiting(here)
    await until_waiting(here)
    decided = await decide(there)
    async with asyncio.timeout(PATIENCE):
        assert await wait == decided


async def test_who_waits_learns_that_the_server_is_draining(store: SqlStore) -> None:
    await ask(store)
    wait = waiting(store)
    await until_waiting(store)
    await store.drain_tails()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ServerDraining):
            await wait
    with pytest.raises(ServerDraining):
        await store.approvals.wait(NAMESPACE, "a", LONG)


async def test_too_many_who_wait_are_refused(open_store: StoreOpener) -> None:
    store = await open_store(max_tails=2)
    await ask(store)
    waits = [waiting(store), waiting(store)]
    await until_waiting(store, 2)
    with pytest.raises(Overloaded):
        await store.approvals.wait(NAMESPACE, "a", LONG)
    waits[0].cancel()
    await until_waiting(store, 1)
    third = waiting(store)
    await until_waiting(store, 2)
    await decide(store)
    async with asyncio.timeout(PATIENCE):
        assert await waits[1] == await third
