"""TaskStore: extend, release, and leases that lapse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from holdfastdb_server.domain.errors import LeaseNotHeld, RequestIdTaken, TaskNotFound
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create, history
from tests.support.tasks import (
    FAR_OFF,
    LONG_AGO,
    MINUTE,
    add,
    claim,
    claimed,
    lapse,
    lapsed,
    lease,
    release,
    statuses,
    transition,
)
from tests.support.waiting import eventually

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = TaskStatus


class TestExtend:
    async def test_the_lease_ends_so_long_from_now(self, store: Store) -> None:
        await add(store)
        held = await lease(store, lease_duration=MINUTE)
        first = held.task.lease_expire_time
        assert first is not None
        until = await store.tasks.extend(NAMESPACE, "t", held.token, MINUTE * 2)
        assert first + MINUTE < until < first + MINUTE * 2
        after = await store.tasks.get(NAMESPACE, "t")
        assert (after.lease_expire_time, after.version) == (until, held.task.version)

    async def test_an_extended_lease_keeps_the_task_from_others(self, store: Store) -> None:
        await add(store)
        held = await lease(store, lease_duration=timedelta(seconds=1))
        await store.tasks.extend(NAMESPACE, "t", held.token, MINUTE)
        first = held.task.lease_expire_time
        assert first is not None
        await eventually(lambda: datetime.now(UTC) > first)
        assert await claim(store) is None
        assert await store.tasks.requeue_lapsed(10) == 1  # looked at, and left alone
        assert await store.tasks.requeue_lapsed(10) == 0
        assert (await transition(store, SUCCEEDED, token=held.token)).attempts == 1

    async def test_a_shortened_lease_lapses_earlier(self, store: Store) -> None:
        await add(store)
        held = await lease(store)
        await lapse(store, held)
        assert (await lease(store)).task.attempts == 2

    async def test_a_lease_that_is_not_held_raises_lease_not_held(self, store: Store) -> None:
        await add(store)
        with pytest.raises(LeaseNotHeld):
            await store.tasks.extend(NAMESPACE, "t", "token", MINUTE)
        held = await lapsed(store)
        await lease(store)
        with pytest.raises(LeaseNotHeld) as caught:
            await store.tasks.extend(NAMESPACE, "t", held.token, MINUTE)
        assert caught.value.metadata == {"task_id": "t"}

    async def test_a_token_extends_no_lease_but_its_own(self, store: Store) -> None:
        await add(store)
        held = await lease(store)
        for namespace, task_id in ((NAMESPACE, "u"), ("other", "t")):
            await add(store, task_id, namespace=namespace)
            await lease(store, task_id, namespace=namespace)
            with pytest.raises(LeaseNotHeld):
                await store.tasks.extend(namespace, task_id, held.token, MINUTE)
        assert (await store.tasks.get(NAMESPACE, "t")).lease_expire_time == held.task.lease_expire_time

    async def test_an_absent_task_raises_task_not_found(self, store: Store) -> None:
        with pytest.raises(TaskNotFound):
            await store.tasks.extend(NAMESPACE, "t", "token", MINUTE)


class TestRelease:
    async def test_an_unused_lease_does_not_count(self, store: Store) -> None:
        await create(store)
        await add(store, session_id="s", error="before", run_after_time=LONG_AGO)
        task = await release(store, await lease(store))
        assert (task.status, task.attempts, task.worker_id) == (PENDING, 0, "w")
        assert (task.lease_expire_time, task.fields.run_after_time) == (None, None)
        assert task.fields.error == "before"
        assert await store.tasks.get(NAMESPACE, "t") == task
        assert await statuses(store) == ["pending", "running", "pending"]
        assert (await lease(store)).task.attempts == 1

    async def test_a_failed_attempt_counts(self, store: Store) -> None:
        await add(store, max_attempts=2)
        task = await release(store, await lease(store), attempt_failed=True, error="no disk")
        assert (task.status, task.attempts, task.fields.error) == (PENDING, 1, "no disk")

    async def test_after_the_last_failed_attempt_the_task_has_failed(self, store: Store) -> None:
        await create(store)
        await add(store, session_id="s", max_attempts=1)
        task = await release(store, await lease(store), attempt_failed=True, error="no disk")
        assert (task.status, task.attempts, task.end_time) == (FAILED, 1, task.update_time)
        assert await statuses(store) == ["pending", "running", "failed"]
        assert await claim(store) is None

    async def test_it_can_be_claimed_from_a_later_time_on(self, store: Store) -> None:
        await add(store)
        task = await release(store, await lease(store), run_after_time=FAR_OFF)
        assert task.fields.run_after_time == FAR_OFF
        assert await claim(store) is None

    async def test_a_repeated_release_changes_nothing(self, store: Store) -> None:
        await add(store)
        held = await lease(store)
        first = await release(store, held, request_id="r")
        assert await release(store, held, request_id="r") == first
        with pytest.raises(RequestIdTaken):
            await release(store, held, request_id="r", error="x")
        with pytest.raises(LeaseNotHeld):
            await release(store, held)


class TestLapse:
    async def test_from_then_on_the_task_is_pending_again(self, store: Store) -> None:
        await add(store)
        held = await lapsed(store)
        task = await store.tasks.get(NAMESPACE, "t")
        assert (task.status, task.version, task.attempts) == (PENDING, held.task.version + 1, 1)
        assert (task.lease_expire_time, task.worker_id) == (None, "w")
        assert task.fields.error == "the lease expired in attempt 1"

    async def test_another_worker_gets_the_task_at_once_and_the_first_one_is_refused(
        self, store: Store
    ) -> None:
        await create(store)
        await add(store, session_id="s")
        late = await lapsed(store)
        held = await lease(store, worker_id="next")
        assert (held.task.attempts, held.task.version) == (2, 4)
        assert held.token != late.token
        with pytest.raises(LeaseNotHeld):
            await transition(store, SUCCEEDED, token=late.token)
        await transition(store, SUCCEEDED, token=held.token)
        assert await statuses(store) == ["pending", "running", "pending", "running", "succeeded"]

    async def test_a_lapsed_task_competes_by_its_priority(self, store: Store) -> None:
        await add(store, "low", priority=-1)
        await lapsed(store, "low")
        await add(store, "high")
        assert await claimed(store) == ["high", "low"]

    async def test_in_the_last_attempt_it_fails_the_task(self, store: Store) -> None:
        await add(store, max_attempts=2)
        await lapsed(store)
        await lapsed(store)
        task = await store.tasks.get(NAMESPACE, "t")
        assert (task.status, task.attempts) == (FAILED, 2)
        assert task.end_time == task.update_time
        assert await claim(store) is None

    async def test_writing_it_down_changes_nothing_that_was_seen(self, store: Store) -> None:
        await create(store)
        for task_id, max_attempts in (("again", 2), ("spent", 1)):
            await add(store, task_id, session_id="s", max_attempts=max_attempts)
            await lapsed(store, task_id)
        seen = [await store.tasks.get(NAMESPACE, task_id) for task_id in ("again", "spent")]
        assert await store.tasks.requeue_lapsed(10) == 2
        assert [await store.tasks.get(NAMESPACE, task.task_id) for task in seen] == seen
        assert (await statuses(store))[-2:] == ["pending", "failed"]
        assert await store.tasks.requeue_lapsed(10) == 0

    async def test_it_is_written_down_in_batches(self, store: Store) -> None:
        for number in range(5):
            await add(store, f"t{number}", namespace="other" if number % 2 else NAMESPACE)
            held = await lease(store, f"t{number}", namespace="other" if number % 2 else NAMESPACE)
            await lapse(store, held, "other" if number % 2 else NAMESPACE)
        assert [await store.tasks.requeue_lapsed(2) for _ in range(4)] == [2, 2, 1, 0]

    async def test_the_one_that_lapsed_first_is_written_down_first(self, store: Store) -> None:
        for task_id in ("a", "b", "c"):
            await create(store, task_id)
            await add(store, task_id, session_id=task_id)
        for task_id in ("b", "c", "a"):
            await lapsed(store, task_id)
        for task_id in ("b", "c", "a"):
            assert await store.tasks.requeue_lapsed(1) == 1
            assert (await history(store, task_id))[-1].type == "holdfast.task.pending"

    async def test_of_one_batch_the_older_task_comes_first_in_the_history(self, store: Store) -> None:
        await create(store)
        for task_id in ("a", "b"):
            await add(store, task_id, session_id="s")
        for task_id in ("b", "a"):
            await lapsed(store, task_id)
        assert await store.tasks.requeue_lapsed(10) == 2
        assert [event.task_id for event in await history(store)][-2:] == ["a", "b"]

    async def test_a_claim_on_another_server_takes_it(self, two_stores: tuple[SqlStore, SqlStore]) -> None:
        one, two = two_stores
        await add(one)
        late = await lapsed(one)
        assert (await lease(two)).task.attempts == 2
        with pytest.raises(LeaseNotHeld):
            await transition(one, SUCCEEDED, token=late.token)
