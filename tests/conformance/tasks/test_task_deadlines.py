"""TaskStore: the very microsecond of a time from which on something else holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import IdempotencyKeyTaken, LeaseNotHeld
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.moves import Lease
from holdfastdb_server.domain.tasks.task import TaskFilter, TaskStatus
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import Micros
from tests.support.content import NAMESPACE
from tests.support.stores import OpenStore
from tests.support.tasks import FAR_OFF, MINUTE, add, claim, lease

MICROSECOND = timedelta(microseconds=1)
Stop = Callable[[datetime], None]
TTL = Policy().idempotency_ttl


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Stops the database's clock, as the storage of tasks reads it."""

    def stop(time: datetime) -> None:
        async def read(connection: AsyncConnection, dialect: Dialect) -> datetime:
            return time

        for module in ("store", "claims"):
            monkeypatch.setattr(f"holdfastdb_server.storage.tasks.{module}.read_clock", read)

    return stop


def end(held: Lease) -> datetime:
    assert held.task.lease_expire_time is not None
    return held.task.lease_expire_time


async def test_a_lease_is_extended_until_its_end_only(store: Store, stop: Stop) -> None:
    await add(store)
    held = await lease(store)
    stop(end(held))
    with pytest.raises(LeaseNotHeld):
        await store.tasks.extend(NAMESPACE, "t", held.token, MINUTE)
    stop(end(held) - MICROSECOND)
    assert await store.tasks.extend(NAMESPACE, "t", held.token, MINUTE) == end(held) - MICROSECOND + MINUTE


async def test_at_its_end_a_lease_has_lapsed_in_lists(store: Store, stop: Stop) -> None:
    await add(store)
    held = await lease(store)
    for time, wanted in ((end(held) - MICROSECOND, TaskStatus.RUNNING), (end(held), TaskStatus.PENDING)):
        stop(time)
        for status in (TaskStatus.RUNNING, TaskStatus.PENDING):
            where = TaskFilter(statuses=[status])
            found = (await store.tasks.list(NAMESPACE, where, PageRequest(10))).items
            assert [task.status for task in found] == ([wanted] if status is wanted else [])


async def test_at_its_end_the_effect_of_a_lease_is_written_down(store: Store, stop: Stop) -> None:
    await add(store)
    held = await lease(store)
    stop(end(held) - MICROSECOND)
    assert await store.tasks.requeue_lapsed(10) == 0
    stop(end(held))
    assert await store.tasks.requeue_lapsed(10) == 1


async def test_an_idempotency_key_is_free_after_its_time_and_no_other_is(store: Store, stop: Stop) -> None:
    first = await add(store, "a", idempotency_key="i")
    second = await add(store, "b", idempotency_key="j")
    assert second.create_time > first.create_time
    stop(first.create_time + TTL - MICROSECOND)
    with pytest.raises(IdempotencyKeyTaken):
        await add(store, "c", idempotency_key="i", phase="x")
    stop(first.create_time + TTL)
    assert (await add(store, "c", idempotency_key="i", phase="x")).task_id == "c"
    with pytest.raises(IdempotencyKeyTaken):
        await add(store, "d", idempotency_key="j", phase="x")


async def test_a_task_is_claimed_from_its_time_and_from_the_end_of_a_lease_on(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = FAR_OFF
    store = await open_store()
    clock = sa.bindparam(None, callable_=lambda: time, type_=Micros)
    monkeypatch.setattr(type(store._database.dialect), "clock", lambda dialect: clock)
    await add(store, run_after_time=FAR_OFF)
    for attempt in (1, 2):
        time -= MICROSECOND
        assert await claim(store) is None
        time += MICROSECOND
        held = await claim(store)
        assert held is not None
        assert held.task.attempts == attempt
        time = end(held)
