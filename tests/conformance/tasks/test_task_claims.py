"""TaskStore.claim: which task, repeated claims, and claims that wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfastdb_server.domain.errors import (
    LeaseNotHeld,
    Overloaded,
    RequestIdTaken,
    ServerDraining,
    TaskNotFound,
)
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.moves import Claim
from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create, history
from tests.support.stores import OpenStore
from tests.support.tasks import (
    FAR_OFF,
    LONG_AGO,
    MINUTE,
    add,
    change,
    claim,
    claimed,
    lapse,
    lease,
    release,
    statuses,
)
from tests.support.waiting import PATIENCE, eventually

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = TaskStatus


class TestClaim:
    async def test_a_claimed_task_is_running_and_leased(self, store: Store) -> None:
        created = await add(store)
        held = await lease(store, worker_id="w-1", lease_duration=MINUTE)
        task = held.task
        assert (task.status, task.attempts, task.worker_id) == (RUNNING, 1, "w-1")
        assert (task.version, task.start_time) == (2, task.update_time)
        assert task.lease_expire_time == task.update_time + MINUTE
        assert task.update_time > created.update_time
        assert await store.tasks.get(NAMESPACE, "t") == task
        assert len(held.token) >= 22

    async def test_the_session_is_told_by_the_worker(self, store: Store) -> None:
        await create(store)
        await add(store, session_id="s")
        await lease(store)
        assert await statuses(store) == ["pending", "running"]
        assert (await history(store))[-1].actor == "w"

    async def test_without_a_task_there_is_none(self, store: Store) -> None:
        assert await claim(store) is None

    async def test_a_claimed_task_is_not_claimed_again(self, store: Store) -> None:
        await add(store)
        await lease(store)
        assert await claim(store) is None

    async def test_greater_priority_comes_first_then_age(self, store: Store) -> None:
        for number, priority in enumerate([0, 5, -5, 5, 0, 2**31 - 1, -(2**31)]):
            await add(store, f"t{number}", priority=priority)
        assert await claimed(store) == ["t5", "t1", "t3", "t0", "t4", "t2", "t6"]

    async def test_only_due_tasks_are_claimed(self, store: Store) -> None:
        await add(store, "later", run_after_time=FAR_OFF, priority=9)
        await add(store, "now")
        await add(store, "since long", run_after_time=LONG_AGO)
        assert await claimed(store) == ["now", "since long"]
        await change(store, "later", replaced={"run_after_time"})
        assert await claimed(store) == ["later"]

    async def test_kinds_roles_labels_session_and_id_choose(self, store: Store) -> None:
        await create(store)
        await add(store, "a", kind="scan", to_role="coder", labels={"x": "1", "y": "2"})
        await add(store, "b", kind="test", session_id="s")
        await add(store, "c", kind="scan", to_role="tester", labels={"x": "2"})

        async def first(**wanted: Any) -> str:
            held = await claim(store, **wanted)
            if held is None:
                return ""
            await release(store, held)
            return held.task.task_id

        assert await first(kinds=("scan",)) == "a"
        assert await first(kinds=("other", "test")) == "b"
        assert await first(kinds=("other",)) == ""
        assert await first(role="tester") == "b"  # which is for any role, and older
        assert await first(role="tester", kinds=("scan",)) == "c"
        assert await first(role="nobody", kinds=("scan",)) == ""
        assert await first(labels={"x": "2"}) == "c"
        assert await first(labels={"x": "1", "y": "2"}) == "a"
        assert await first(labels={"x": "1", "y": "1"}) == ""
        assert await first(session_id="s") == "b"
        assert await first(session_id="absent") == ""
        assert await first(task_id="c") == "c"
        assert await first(task_id="c", kinds=("test",)) == ""

    async def test_claiming_an_absent_task_raises_task_not_found(self, store: Store) -> None:
        with pytest.raises(TaskNotFound):
            await claim(store, task_id="absent")

    async def test_many_claims_at_once_get_different_tasks(self, store: Store) -> None:
        for session_id in ("s", "r"):
            await create(store, session_id)
        for number in range(12):
            await add(store, f"t{number}", session_id=("s", "r", "")[number % 3])
        held = await asyncio.gather(*(claim(store) for _ in range(16)))
        ids = [lease.task.task_id for lease in held if lease is not None]
        assert sorted(ids) == sorted(f"t{number}" for number in range(12))

    async def test_claims_on_two_servers_get_different_tasks(
        self, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        await create(two_stores[0])
        for number in range(12):
            await add(two_stores[0], f"t{number}", session_id="s" if number % 2 else "")
        held = await asyncio.gather(*(claim(two_stores[number % 2]) for number in range(16)))
        ids = [lease.task.task_id for lease in held if lease is not None]
        assert sorted(ids) == sorted(f"t{number}" for number in range(12))


class TestRepeatedClaim:
    async def test_it_gets_the_same_lease(self, store: Store) -> None:
        await add(store, "a")
        await add(store, "b")
        first = await claim(store, request_id="r")
        assert await claim(store, request_id="r") == first
        assert await claimed(store) == ["b"]

    async def test_it_gets_its_lease_even_if_that_has_lapsed(self, store: Store) -> None:
        await add(store)
        first = await claim(store, request_id="r")
        assert first is not None
        await lapse(store, first)
        again = await claim(store, request_id="r")
        assert again is not None
        assert (again.token, again.task.status) == (first.token, PENDING)
        with pytest.raises(LeaseNotHeld):
            await release(store, again)

    async def test_another_request_raises_request_id_taken(self, store: Store) -> None:
        await add(store)
        await claim(store, request_id="r")
        with pytest.raises(RequestIdTaken):
            await claim(store, request_id="r", worker_id="other")

    async def test_that_there_was_none_is_not_remembered(self, store: Store) -> None:
        assert await claim(store, request_id="r") is None
        await add(store)
        assert await claim(store, request_id="r") is not None

    async def test_many_at_once_get_one_lease(self, store: Store) -> None:
        for number in range(3):
            await add(store, f"t{number}")
        held = await asyncio.gather(*(claim(store, request_id="r") for _ in range(6)))
        assert len({lease.token for lease in held if lease is not None}) == 1
        assert len(await claimed(store)) == 2


class TestWaiting:
    async def test_it_ends_without_a_task(self, store: Store) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        assert await claim(store, wait=0.05) is None
        assert loop.time() >= begin + 0.05

    async def test_it_is_not_begun_where_there_is_a_task(self, store: Store) -> None:
        await add(store)
        assert await claim(store, wait=0.01) is not None

    async def test_a_new_task_of_any_kind_ends_it(self, open_store: OpenStore) -> None:
        store = await open_store(poll_interval=PATIENCE * 10)
        waiting = asyncio.create_task(claim(store, wait=PATIENCE))
        await until_waiting(store)
        await add(store)
        assert await waiting is not None

    async def test_woken_for_nothing_it_looks_once_and_goes_on(
        self, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = await open_store(poll_interval=PATIENCE * 10)
        looks, look = [], store.tasks._claims._can_claim

        async def counted(namespace: str, wanted: Claim) -> bool:
            looks.append(wanted)
            return await look(namespace, wanted)

        monkeypatch.setattr(store.tasks._claims, "_can_claim", counted)
        waiting = asyncio.create_task(claim(store, wait=PATIENCE, labels={"a": "b"}))
        await eventually(lambda: len(looks) == 1)
        store._signals.wake_all()
        await eventually(lambda: len(looks) > 1)
        for number in range(10):  # in which time a wait that does not clear its signal looks again
            await create(store, f"s{number}")
        assert len(looks) == 2
        await add(store, labels={"a": "b"})
        assert await waiting is not None

    async def test_a_new_task_of_the_kind_ends_it(self, open_store: OpenStore) -> None:
        store = await open_store(poll_interval=PATIENCE * 10)
        waiting = asyncio.create_task(claim(store, wait=PATIENCE, kinds=("scan", "test")))
        await until_waiting(store)
        await add(store, "other", kind="review")
        await add(store, "t", kind="test")
        held = await waiting
        assert held is not None
        assert held.task.task_id == "t"

    async def test_a_task_created_on_another_server_ends_it(
        self, postgres_url: str, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        waiting = asyncio.create_task(claim(two_stores[0], wait=PATIENCE))
        await until_waiting(two_stores[0])
        await add(two_stores[1])
        held = await waiting
        assert held is not None
        assert held.task.task_id == "t"

    async def test_a_task_that_is_given_back_ends_it(self, open_store: OpenStore) -> None:
        store = await open_store(poll_interval=PATIENCE * 10)
        await add(store)
        held = await lease(store)
        waiting = asyncio.create_task(claim(store, wait=PATIENCE, worker_id="next"))
        await until_waiting(store)
        await release(store, held)
        taken = await waiting
        assert taken is not None
        assert taken.task.worker_id == "next"

    async def test_a_lease_that_lapses_ends_it_at_the_next_poll(self, open_store: OpenStore) -> None:
        store = await open_store(poll_interval=0.05)
        await add(store)
        held = await lease(store)
        waiting = asyncio.create_task(claim(store, wait=PATIENCE))
        await until_waiting(store)
        await lapse(store, held)
        taken = await waiting
        assert taken is not None
        assert taken.task.attempts == 2

    async def test_of_many_who_wait_each_gets_a_task_of_its_own(self, store: Store) -> None:
        waiting = [asyncio.create_task(claim(store, wait=PATIENCE)) for _ in range(8)]
        for number in range(8):
            await add(store, f"t{number}")
        held = await asyncio.gather(*waiting)
        assert len({lease.task.task_id for lease in held if lease is not None}) == 8

    async def test_too_many_are_refused(self, open_store: OpenStore) -> None:
        store = await open_store(max_waiting=1)
        for task_id in ("first", "second"):
            waiting = asyncio.create_task(claim(store, wait=PATIENCE))
            await until_waiting(store)
            with pytest.raises(Overloaded):
                await claim(store, wait=PATIENCE)
            await add(store, task_id)
            assert await waiting is not None

    async def test_it_ends_when_the_server_stops(self, store: SqlStore) -> None:
        waiting = asyncio.create_task(claim(store, wait=PATIENCE))
        await until_waiting(store)
        await store.drain_tails()
        with pytest.raises(ServerDraining):
            await waiting


async def until_waiting(store: SqlStore) -> None:
    """Wait until a claim waits for its task."""
    await eventually(lambda: bool(store._signals._watches))
