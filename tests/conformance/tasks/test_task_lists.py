"""TaskStore.list: filters, order and paging."""

from __future__ import annotations

from typing import Any

from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.task import Task, TaskFilter, TaskStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, Fetch, create, pages, read_all
from tests.support.tasks import add, bring, lapsed, lease

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = TaskStatus


def lister(store: Store, **where: Any) -> Fetch[Task]:
    wanted = TaskFilter(**where).checked()
    return lambda page: store.tasks.list(NAMESPACE, wanted, page)


async def found(store: Store, **where: Any) -> list[str]:
    """Return the ids of the tasks that match, oldest first."""
    return [task.task_id for task in await read_all(lister(store, **where), size=100)]


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    assert await lister(store)(PageRequest(10, with_total=True)) == Page([], None, 0)


async def test_a_listed_task_is_the_same_as_a_single_one(store: Store) -> None:
    await create(store)
    await add(store, "a", session_id="s", payload=Payload(json=" 1 "), labels={"a": "1"}, metadata={"x": 1})
    await add(store, "b", dedupe_key="d", idempotency_key="i", result=Payload(data=b"\x00"))
    await lease(store, "b")
    await add(store, "c")
    await lapsed(store, "c")
    for task in await read_all(lister(store), size=100):
        assert task == await store.tasks.get(NAMESPACE, task.task_id)


async def test_each_filter_finds_its_tasks(store: Store) -> None:
    await create(store)
    fields: dict[str, Any] = {
        "phase": "scanning",
        "from_role": "planner",
        "to_role": "coder",
        "dedupe_key": "repo#1",
        "trace_id": "trace",
        "session_id": "s",
        "labels": {"a": "1", "b": "2"},
        "metadata": {"n": 3, "deep": {}},
    }
    await add(store, "full", kind="bounty", **fields)
    await add(store, "bare")
    await lease(store, "bare", worker_id="w-1")
    for name, value in fields.items():
        wanted = {"n": 3} if name == "metadata" else value
        assert await found(store, **{name: wanted}) == ["full"], name
    for name in ("phase", "from_role", "to_role", "dedupe_key", "trace_id", "session_id", "worker_id"):
        assert await found(store, **{name: "other"}) == [], name
    assert await found(store, labels={"a": "2"}) == []
    assert await found(store, metadata={"n": "3"}) == []
    assert await found(store, worker_id="w-1") == ["bare"]
    assert await found(store, kinds=("bounty",)) == ["full"]
    assert await found(store, kinds=("bounty", "review")) == ["full", "bare"]
    assert await found(store, kinds=("bounty",), session_id="s", labels={"b": "2"}) == ["full"]
    created = (await store.tasks.get(NAMESPACE, "bare")).create_time
    assert await found(store, created_from=created) == ["bare"]
    assert await found(store, created_until=created) == ["full"]


async def test_tasks_are_found_by_the_status_that_they_have_now(store: Store) -> None:
    for status in TaskStatus:
        await add(store, status)
        await bring(store, status, status)
    await add(store, "leased")
    await lease(store, "leased")
    await add(store, "lapsed", max_attempts=2)
    await lapsed(store, "lapsed")
    await add(store, "spent", max_attempts=1)
    await lapsed(store, "spent")
    expected = {
        PENDING: ["pending", "lapsed"],
        RUNNING: ["running", "leased"],
        SUCCEEDED: ["succeeded"],
        FAILED: ["failed", "spent"],
        CANCELLED: ["cancelled"],
    }
    for written_down in (False, True):
        for status, ids in expected.items():
            assert await found(store, statuses=(status,)) == ids, (status, written_down)
        assert await found(store, statuses=(RUNNING, PENDING)) == ["pending", "running", "leased", "lapsed"]
        assert len(await found(store, statuses=tuple(TaskStatus))) == 8
        page = await lister(store, statuses=(PENDING,))(PageRequest(1, with_total=True))
        assert page.total_size == 2
        await store.tasks.requeue_lapsed(10)


async def test_pages_hold_each_task_once_in_either_direction(store: Store) -> None:
    made = [f"t{number}" for number in range(7)]
    for task_id in made:
        await add(store, task_id)
    for size in (1, 3, 7):
        assert [t.task_id for t in await read_all(lister(store), size=size)] == made
        assert [t.task_id for t in await read_all(lister(store), size=size, descending=True)] == made[::-1]


async def test_a_task_that_changes_meanwhile_is_listed_once(store: Store) -> None:
    for number in range(6):
        await add(store, f"t{number}")
    seen: list[str] = []
    async for page in pages(lister(store), 2):
        seen.extend(task.task_id for task in page.items)
        await bring(store, SUCCEEDED, seen[0]) if len(seen) == 2 else None
        await add(store, f"new{len(seen)}") if len(seen) < 6 else None
    assert seen[:6] == [f"t{number}" for number in range(6)]
    assert len(seen) == len(set(seen))


async def test_a_page_ends_before_it_passes_its_bytes(store: Store) -> None:
    third = Payload(data=b"x" * (PAGE_BYTES // 3))
    for number in range(4):
        await add(store, f"t{number}", payload=third)
    counts = [len(page.items) async for page in pages(lister(store), 100)]
    assert counts == [2, 2]
    page = await lister(store, omit_payload=True)(PageRequest(100))
    assert [(task.fields.payload, task.fields.result) for task in page.items] == [(None, None)] * 4
