"""TaskStore.create: idempotency keys and dedupe keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import IdempotencyKeyTaken, OpenTaskExists
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.task import Task, TaskStatus
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.tasks.rows import dedupe_digest
from tests.support.content import NAMESPACE, create, history
from tests.support.stores import OpenStore
from tests.support.tasks import FIELDS, FINAL, add, bring, lapsed, transition


class TestIdempotencyKey:
    async def test_the_same_draft_with_the_key_returns_the_first_task(self, store: Store) -> None:
        first = await add(store, "a", idempotency_key="i", **FIELDS)
        assert await add(store, "b", idempotency_key="i", **FIELDS) == first
        moved = await transition(store, TaskStatus.CANCELLED, "a")
        assert await add(store, "c", idempotency_key="i", **FIELDS) == moved

    async def test_another_draft_with_the_key_raises_idempotency_key_taken(self, store: Store) -> None:
        await add(store, "a", idempotency_key="i")
        with pytest.raises(IdempotencyKeyTaken) as caught:
            await add(store, "b", idempotency_key="i", phase="x")
        assert caught.value.metadata == {"task_id": "a"}

    async def test_the_key_holds_after_the_end_and_goes_with_the_task(self, store: Store) -> None:
        await add(store, "a", idempotency_key="i")
        await transition(store, TaskStatus.CANCELLED, "a")
        assert (await add(store, "b", idempotency_key="i")).task_id == "a"
        await store.tasks.delete(NAMESPACE, "a")
        assert (await add(store, "b", idempotency_key="i")).task_id == "b"

    async def test_the_key_lapses_after_its_time(self, open_store: OpenStore) -> None:
        store = await open_store(policy=Policy(idempotency_ttl=timedelta(microseconds=1)))
        first = await add(store, "a", idempotency_key="i")
        second = await add(store, "b", idempotency_key="i", phase="other")
        assert (first.task_id, second.task_id) == ("a", "b")
        assert (await store.tasks.get(NAMESPACE, "a")).idempotency_key == "i"

    async def test_a_key_that_is_freed_is_held_by_the_next_task(self, open_store: OpenStore) -> None:
        store = await open_store(policy=Policy(idempotency_ttl=timedelta(microseconds=1)))
        await add(store, "a", idempotency_key="i")
        await add(store, "b", idempotency_key="i")
        assert (await add(store, "c", idempotency_key="i")).task_id == "c"

    async def test_many_at_once_make_one_task(self, store: Store) -> None:
        made = await asyncio.gather(*(add(store, f"t{n}", idempotency_key="i") for n in range(16)))
        assert len({task.task_id for task in made}) == 1


class TestDedupeKey:
    async def test_an_open_task_of_the_kind_and_key_is_named(self, store: Store) -> None:
        await add(store, "a", dedupe_key="repo#1")
        for status in (TaskStatus.PENDING, TaskStatus.RUNNING):
            await bring(store, status, "a")
            with pytest.raises(OpenTaskExists) as caught:
                await add(store, "b", dedupe_key="repo#1")
            assert caught.value.metadata == {"task_id": "a"}

    async def test_another_kind_key_or_namespace_is_free(self, store: Store) -> None:
        await add(store, "a", dedupe_key="k")
        await add(store, "b", dedupe_key="k", kind="other")
        await add(store, "c", dedupe_key="K")
        await add(store, "d", dedupe_key="k", namespace="other")

    async def test_the_end_frees_the_key(self, store: Store) -> None:
        for status in FINAL:
            assert (await add(store, status, dedupe_key="k")).task_id == status
            await bring(store, status, status)

    async def test_a_last_attempt_that_lapsed_frees_the_key_at_once(self, store: Store) -> None:
        await create(store)
        await create(store, "other")
        await create(store, "bystander")
        await add(store, "c", session_id="bystander")
        await lapsed(store, "c")
        await add(store, "a", dedupe_key="k", max_attempts=1, session_id="s")
        await lapsed(store, "a")
        assert (await add(store, "b", dedupe_key="k", session_id="other")).task_id == "b"
        assert [event.type for event in await history(store)][-1] == "holdfast.task.failed"
        assert len(await history(store, "bystander")) == 2  # of its lapse nothing is written yet

    async def test_a_lapsed_lease_does_not_free_the_key_before_the_last_attempt(self, store: Store) -> None:
        await add(store, "a", dedupe_key="k", max_attempts=2)
        await lapsed(store, "a")
        with pytest.raises(OpenTaskExists):
            await add(store, "b", dedupe_key="k")

    async def test_only_an_open_task_of_kind_and_key_is_in_the_way(self, store: Store) -> None:
        await add(store, "other kind", kind="other", dedupe_key="k")
        await add(store, "other key", dedupe_key="j")
        await add(store, "ended", dedupe_key="k")
        await bring(store, TaskStatus.SUCCEEDED, "ended")
        await add(store, "a", dedupe_key="k")
        with pytest.raises(OpenTaskExists) as caught:
            await add(store, "b", dedupe_key="k")
        assert caught.value.metadata == {"task_id": "a"}

    async def test_what_was_in_the_way_may_be_gone_when_it_is_looked_for(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await add(store, "without a key")
        insert, refused = store.tasks._resource.insert, [True]

        async def refused_once(connection: AsyncConnection, values: Mapping[str, Any]) -> Any:
            return None if refused.pop() else await insert(connection, values)

        for draft in ({}, {"dedupe_key": "d"}, {"idempotency_key": "j"}):
            refused[:] = [False, True]
            monkeypatch.setattr(store.tasks._resource, "insert", refused_once)
            assert (await add(store, f"new {draft}", **draft)).version == 1

    async def test_deleting_frees_the_key(self, store: Store) -> None:
        await add(store, "a", dedupe_key="k")
        await store.tasks.delete(NAMESPACE, "a")
        await add(store, "b", dedupe_key="k")

    async def test_of_32_at_once_on_one_store_one_is_made(self, store: Store) -> None:
        await race_for_a_key([store])

    async def test_of_32_at_once_on_two_servers_one_is_made(
        self, two_stores: tuple[SqlStore, SqlStore]
    ) -> None:
        await race_for_a_key(list(two_stores))


def test_a_key_is_stored_as_it_always_was() -> None:
    digest = dedupe_digest("repo#1")
    assert digest is not None
    assert digest.hex() == "b207e71044d5dcac476b106a9653609ff96a0504bd910936e84d0a06f557133c"
    assert dedupe_digest("") is None


async def race_for_a_key(stores: list[Store] | list[SqlStore]) -> None:
    results = await asyncio.gather(
        *(add(stores[n % len(stores)], f"t{n}", dedupe_key="repo#1") for n in range(32)),
        return_exceptions=True,
    )
    (made,) = [result for result in results if isinstance(result, Task)]
    refused = [result for result in results if isinstance(result, OpenTaskExists)]
    assert [error.metadata for error in refused] == [{"task_id": made.task_id}] * 31
