"""One request with an id, sent to two servers at once: it is carried out once, and both answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfastdb_server.domain.errors import RequestIdTaken
from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.storage.store import SqlStore
from tests.support import approvals, documents, memories, plans, runs, tasks
from tests.support.content import NAMESPACE, create, save, write

Call = Callable[[SqlStore], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "state": lambda store: save(store, write("k", "1"), request_id="r1"),
    "run": lambda store: runs.update(store, error="e", expected=1, request_id="r1"),
    "task": lambda store: tasks.transition(store, TaskStatus.RUNNING, expected=1, request_id="r1"),
    "claim": lambda store: tasks.claim(store, request_id="r1"),
    "approval": lambda store: approvals.decide(store, request_id="r1"),
    "plan": lambda store: plans.update_plan(store, title="t", expected=1, request_id="r1"),
    "new document": lambda store: documents.put(store, expected_version=0, request_id="r1"),
    "unnamed document": lambda store: documents.put(store, documents.draft(""), request_id="r1"),
    "document": lambda store: documents.put(
        store, documents.draft("old", "2"), expected_version=1, request_id="r1"
    ),
    "sync": lambda store: documents.sync(store, documents.draft("s1"), request_id="r1"),
    "memory": lambda store: memories.change(store, lesson="other", expected=1, request_id="r1"),
    "search": lambda store: memories.search(store, "learnt", count_use=True, request_id="r1"),
}


@pytest.fixture
async def replicas(two_stores: tuple[SqlStore, SqlStore]) -> tuple[SqlStore, SqlStore]:
    """Two stores on one database, in which each call above finds what it is about."""
    store, _ = two_stores
    await create(store)
    await runs.start(store)
    await tasks.add(store)
    await approvals.ask(store)
    await plans.create_plan(store)
    await documents.put(store, documents.draft("old"))
    await memories.keep(store)
    return two_stores


@pytest.mark.parametrize("name", CALLS)
async def test_a_request_to_two_servers_at_once_is_carried_out_once(
    replicas: tuple[SqlStore, SqlStore], name: str
) -> None:
    call = CALLS[name]
    answers = await asyncio.gather(*(call(store) for _ in range(6) for store in replicas))
    assert len(set(map(repr, answers))) == 1
    assert answers[0] is not None
    assert repr(await call(replicas[1])) == repr(answers[0])


async def test_each_claim_of_two_with_one_id_gets_the_same_task(replicas: tuple[SqlStore, SqlStore]) -> None:
    first, second = replicas
    for number in range(5):
        await tasks.add(first, f"t{number}")
    for number in range(10):
        leases = await asyncio.gather(
            *(tasks.claim(store, request_id=f"r{number // 2}") for store in (first, second))
        )
        assert leases[0] == leases[1]


async def test_of_two_requests_with_one_id_the_later_is_refused(replicas: tuple[SqlStore, SqlStore]) -> None:
    first, second = replicas
    outcomes = await asyncio.gather(
        documents.put(first, documents.draft("one"), request_id="r1"),
        documents.put(second, documents.draft("two"), request_id="r1"),
        return_exceptions=True,
    )
    assert sorted(isinstance(outcome, RequestIdTaken) for outcome in outcomes) == [False, True]
    assert len(await documents.names(first)) == 2


async def test_a_request_that_found_nothing_may_be_sent_again(store: SqlStore) -> None:
    await create(store)
    assert await tasks.claim(store, request_id="r1") is None
    await tasks.add(store)
    lease = await tasks.claim(store, request_id="r1")
    assert lease is not None
    assert (await store.tasks.get(NAMESPACE, "t")).status is TaskStatus.RUNNING
