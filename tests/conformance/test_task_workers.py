"""Many workers on two servers, of which some vanish: each task ends once, and none is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from holdfast_server.domain.errors import LeaseNotHeld
from holdfast_server.domain.events import EventFilter
from holdfast_server.domain.task_moves import Claim, TaskTransition
from holdfast_server.domain.tasks import TaskFilter, TaskStatus
from holdfast_server.domain.values import Payload
from holdfast_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create, history, read_all
from tests.support.stores import StoreOpener
from tests.support.tasks import add

TASKS, WORKERS = 1_000, 8
SESSIONS = ("", "s0", "s1", "s2")
# Shorter than the contract allows, so that the test need not wait long for those who vanished.
SHORT = timedelta(milliseconds=800)


class Worker:
    """Claims and ends tasks until none is left; now and then it vanishes with one, or comes late."""

    def __init__(self, number: int, store: SqlStore, ended: Counter[str]) -> None:
        self._name = f"w{number}"
        self._store = store
        self._ended = ended
        self._random = random.Random(number)
        self._late: list[tuple[str, str]] = []
        self.vanished = 0
        self.refused = 0

    async def work(self) -> None:
        while sum(self._ended.values()) < TASKS:
            wanted = Claim(self._name, lease_duration=SHORT)
            held = await self._store.tasks.claim(NAMESPACE, wanted, SHORT)
            if held is None:
                continue
            if self._random.random() < 0.1:
                self.vanished += 1
                self._late.append((held.task.task_id, held.token))
                continue
            await self._end(held.task.task_id, held.token)
        for task_id, token in self._late:
            await self._end(task_id, token)

    async def _end(self, task_id: str, token: str) -> None:
        move = TaskTransition(TaskStatus.SUCCEEDED, token, Payload(json=f'"{self._name}"'))
        try:
            await self._store.tasks.transition(NAMESPACE, task_id, move)
        except LeaseNotHeld:
            self.refused += 1
        else:
            self._ended[task_id] += 1


async def sweep(store: SqlStore) -> None:
    """Do what a janitor does, much more often, to be in everyone's way."""
    while True:
        await store.tasks.requeue_lapsed(20)
        await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_each_task_ends_once_although_workers_vanish(postgres_url: str) -> None:
    opener = StoreOpener(postgres_url)
    stores = [await opener(poll_interval=0.1, pool_min=8) for _ in range(2)]
    for session_id in SESSIONS[1:]:
        await create(stores[0], session_id)
    ended: Counter[str] = Counter()
    workers = [Worker(number, stores[number % 2], ended) for number in range(WORKERS)]

    async def fill(part: int) -> None:
        for number in range(part, TASKS, 4):
            fields: dict[str, Any] = {
                "priority": number % 5,
                "max_attempts": 100,
                "session_id": SESSIONS[number % 4],
            }
            await add(stores[part % 2], f"t{number}", **fields)

    async with asyncio.TaskGroup() as group:
        for part in range(4):
            group.create_task(fill(part))
    sweeper = asyncio.create_task(sweep(stores[0]))
    try:
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.work())
    finally:
        sweeper.cancel()
        await asyncio.gather(sweeper, return_exceptions=True)

    vanished = sum(worker.vanished for worker in workers)
    assert vanished > TASKS // 20
    refused = sum(worker.refused for worker in workers)
    assert refused >= vanished
    assert set(ended.values()) == {1}
    where = TaskFilter(statuses=(TaskStatus.SUCCEEDED,))
    listed = await read_all(lambda page: stores[1].tasks.list(NAMESPACE, where, page), size=100)
    assert sorted(task.task_id for task in listed) == sorted(f"t{number}" for number in range(TASKS))
    # A task was claimed once for its end, and once for each worker that vanished with it or was too slow.
    assert sum(task.attempts for task in listed) == TASKS + refused
    for session_id in SESSIONS[1:]:
        told = await history(stores[0], session_id, where=EventFilter(types=("holdfast.task.succeeded",)))
        assert len({event.task_id for event in told}) == len(told) == TASKS // 4
    await opener.close()
    assert await deadlocks(postgres_url) == 0


async def deadlocks(url: str) -> int:
    """Return how many deadlocks there were in the database."""
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        count: int = await connection.fetchval(query)
        return count
    finally:
        await connection.close()
