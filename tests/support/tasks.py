"""Tasks and leases for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.moves import Claim, Lease, Release, TaskChange, TaskTransition
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFields, TaskStatus
from holdfastdb_server.domain.values import Payload
from tests.support.changes import mask_of
from tests.support.content import NAMESPACE, history

_FIXED = ("kind", "session_id", "idempotency_key", "dedupe_key", "trace_id")
MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

# The fields of a task, none of them empty.
FIELDS: dict[str, Any] = {
    "phase": "scanning",
    "from_role": "planner",
    "to_role": "coder",
    "payload": Payload(json='{"b": 1.50, "a": "\\u0000"}', media_type="application/x"),
    "result": Payload(data=b"\x00\xff"),
    "error": "ünïcode 🦑",
    "priority": -7,
    "run_after_time": NOON,
    "max_attempts": 3,
    "labels": {"env": "prod", "ключ": "значение"},
    "metadata": {"count": 3, "deep": {"list": [1, None, True]}},
}

FINAL = [status for status in TaskStatus if status.is_final]


def task_draft(task_id: str = "t", **fields: Any) -> TaskDraft:
    """Return a checked draft. `fields` are those of TaskDraft and TaskFields."""
    fixed = {"kind": "review"} | {name: fields.pop(name) for name in _FIXED if name in fields}
    return TaskDraft(task_id, **fixed, fields=TaskFields(**fields)).checked()


async def add(store: Store, task_id: str = "t", *, namespace: str = NAMESPACE, **fields: Any) -> Task:
    """Create a task."""
    return await store.tasks.create(namespace, task_draft(task_id, **fields))


async def claim(
    store: Store, *, namespace: str = NAMESPACE, wait: float = 0, request_id: str = "", **wanted: Any
) -> Lease | None:
    """Claim a task. `wanted` are the fields of Claim, `wait` is in seconds."""
    what = Claim(**({"worker_id": "w"} | wanted)).checked()
    return await store.tasks.claim(namespace, what, timedelta(seconds=wait), request_id)


async def lease(store: Store, task_id: str = "t", *, namespace: str = NAMESPACE, **wanted: Any) -> Lease:
    """Claim this task, which can be claimed."""
    claimed = await claim(store, namespace=namespace, task_id=task_id, **wanted)
    assert claimed is not None
    return claimed


async def lapse(store: Store, held: Lease, namespace: str = NAMESPACE) -> None:
    """Let a lease end now, as if its worker had been silent until its end."""
    await store.tasks.extend(namespace, held.task.task_id, held.token, timedelta())


async def lapsed(store: Store, task_id: str = "t", **wanted: Any) -> Lease:
    """Claim this task and let the lease lapse."""
    held = await lease(store, task_id, **wanted)
    await lapse(store, held)
    return held


async def transition(
    store: Store,
    status: TaskStatus,
    task_id: str = "t",
    *,
    token: str = "",
    expected: int | None = None,
    request_id: str = "",
    **said: Any,
) -> Task:
    """Move a task. `said` are fields of TaskTransition."""
    move = TaskTransition(status, token, **said).checked()
    return await store.tasks.transition(NAMESPACE, task_id, move, expected, request_id)


async def change(
    store: Store,
    task_id: str = "t",
    *,
    replaced: set[str] | None = None,
    token: str = "",
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Task:
    """Update a task. `fields` are those of TaskFields."""
    wanted = TaskChange(TaskFields(**fields), *mask_of(fields, replaced), token).checked()
    return await store.tasks.update(NAMESPACE, task_id, wanted, expected, request_id)


async def release(store: Store, held: Lease, *, request_id: str = "", **said: Any) -> Task:
    """Give a leased task back. `said` are fields of Release."""
    wanted = Release(held.token, **said).checked()
    return await store.tasks.release(NAMESPACE, held.task.task_id, wanted, request_id)


async def bring(store: Store, status: TaskStatus, task_id: str = "t") -> Task:
    """Move a new task, without a lease, to a status."""
    if status not in (TaskStatus.PENDING, TaskStatus.CANCELLED):
        await transition(store, TaskStatus.RUNNING, task_id)
    if status in (TaskStatus.PENDING, TaskStatus.RUNNING):
        return await store.tasks.get(NAMESPACE, task_id)
    return await transition(store, status, task_id)


async def claimed(store: Store, **wanted: Any) -> list[str]:
    """Claim until there is nothing any more; return the ids in order."""
    ids = []
    while (held := await claim(store, **wanted)) is not None:
        ids.append(held.task.task_id)
    return ids


async def statuses(store: Store) -> list[str]:
    """Return the statuses that the history of session `s` says its tasks moved to."""
    return [event.type.removeprefix("holdfast.task.") for event in await history(store)]
