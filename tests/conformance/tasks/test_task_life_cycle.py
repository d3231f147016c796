"""TaskStore.transition: every move of the life cycle, allowed or not, with a lease and without."""

from __future__ import annotations

import asyncio
import json
from itertools import product
from typing import Any

import pytest

from holdfastdb_server.domain.errors import (
    LeaseNotHeld,
    TaskNotFound,
    TransitionNotAllowed,
    VersionMismatch,
)
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.task import Task, TaskStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, create, history
from tests.support.tasks import add, bring, claim, lapsed, lease, release, transition

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = TaskStatus
# Written out, and not taken from the domain: this is what the contract says.
ALLOWED = {
    (PENDING, RUNNING),
    (PENDING, CANCELLED),
    (RUNNING, SUCCEEDED),
    (RUNNING, FAILED),
    (RUNNING, CANCELLED),
}
FORBIDDEN = [pair for pair in product(TaskStatus, TaskStatus) if pair not in ALLOWED]
RESULT = Payload(json="1.50")


def details(event: Event) -> dict[str, object]:
    assert isinstance(event.body, Payload)
    assert event.body.json is not None
    value: dict[str, object] = json.loads(event.body.json)
    return value


async def test_an_allowed_move_changes_the_status_and_tells_the_session(store: Store) -> None:
    await create(store)
    for source, target in sorted(ALLOWED):
        task_id = f"{source} to {target}"
        await add(store, task_id, session_id="s", trace_id="trace")
        before = await bring(store, source, task_id)
        said: dict[str, Any] = {"result": RESULT, "error": "why", "phase": "late", "actor": "ada"}
        after = await transition(store, target, task_id, **said)
        assert (after.status, after.version) == (target, before.version + 1)
        assert (after.fields.result, after.fields.error, after.fields.phase) == (RESULT, "why", "late")
        assert after.update_time > before.update_time
        assert after.end_time == (after.update_time if target.is_final else None)
        assert after.start_time == (after.update_time if target is RUNNING else before.start_time)
        assert await store.tasks.get(NAMESPACE, task_id) == after
        event = (await history(store))[-1]
        assert (event.type, event.actor) == (f"holdfast.task.{target}", "ada")
        assert (event.task_id, event.trace_id) == (task_id, "trace")
        told = {"kind": "review", "from": source.name, "to": target.name, "attempts": 0, "error": "why"}
        assert details(event) == told


@pytest.mark.parametrize("source", TaskStatus)
async def test_every_other_move_is_refused_and_changes_nothing(store: Store, source: TaskStatus) -> None:
    await create(store)
    await add(store, session_id="s")
    before = await bring(store, source)
    events = await history(store)
    for target in (target for start, target in FORBIDDEN if start is source):
        with pytest.raises(TransitionNotAllowed) as caught:
            await transition(store, target, result=RESULT)
        names = {"from": source.name, "to": target.name}
        assert caught.value.metadata == {"resource": "task", "id": "t"} | names
    assert await store.tasks.get(NAMESPACE, "t") == before
    assert await history(store) == events


async def test_what_a_move_does_not_say_stays(store: Store) -> None:
    await add(store, result=RESULT, error="e", phase="p")
    after = await transition(store, RUNNING)
    assert (after.fields.result, after.fields.error, after.fields.phase) == (RESULT, "e", "p")


async def test_a_task_that_was_moved_to_running_has_no_lease_and_is_not_claimed(store: Store) -> None:
    await add(store)
    task = await transition(store, RUNNING)
    assert (task.lease_expire_time, task.attempts, task.worker_id) == (None, 0, "")
    assert await claim(store) is None
    assert await store.tasks.requeue_lapsed(10) == 0
    assert (await transition(store, SUCCEEDED)).status is SUCCEEDED


async def test_a_leased_task_ends_with_its_token_only(store: Store) -> None:
    await create(store)
    for target in (SUCCEEDED, FAILED):
        await add(store, target, session_id="s")
        held = await lease(store, target)
        for token in ("", "other"):
            with pytest.raises(LeaseNotHeld) as caught:
                await transition(store, target, target, token=token)
            assert caught.value.metadata == {"task_id": target}
        task = await transition(store, target, target, token=held.token)
        assert (task.status, task.lease_expire_time, task.worker_id) == (target, None, "w")
        assert (await history(store))[-1].actor == "w"


async def test_anyone_cancels_a_leased_task_and_its_worker_learns_it(store: Store) -> None:
    await create(store)
    await add(store, session_id="s")
    held = await lease(store)
    assert (await transition(store, CANCELLED, error="not wanted")).status is CANCELLED
    assert (await history(store))[-1].actor == ""
    with pytest.raises(LeaseNotHeld):
        await transition(store, SUCCEEDED, token=held.token)
    with pytest.raises(LeaseNotHeld):
        await release(store, held)


async def test_a_late_worker_learns_that_its_lease_is_lost_whatever_it_wants(store: Store) -> None:
    await add(store)
    held = await lapsed(store)
    for target in TaskStatus:
        with pytest.raises(LeaseNotHeld):
            await transition(store, target, token=held.token, expected=1)
    assert (await store.tasks.get(NAMESPACE, "t")).status is PENDING


async def test_after_a_lapse_the_task_moves_as_a_pending_one(store: Store) -> None:
    await create(store)
    await add(store, session_id="s")
    await lapsed(store)
    with pytest.raises(TransitionNotAllowed):
        await transition(store, SUCCEEDED)
    assert (await transition(store, CANCELLED)).version == 4
    names = [event.type.rpartition(".")[2] for event in await history(store)]
    assert names == ["pending", "running", "pending", "cancelled"]


async def test_moving_an_absent_task_raises_task_not_found(store: Store) -> None:
    with pytest.raises(TaskNotFound):
        await transition(store, RUNNING)


async def test_a_move_at_another_version_raises_version_mismatch(store: Store) -> None:
    before = await add(store)
    with pytest.raises(VersionMismatch) as caught:
        await transition(store, RUNNING, expected=2)
    assert (caught.value.metadata["expected"], caught.value.metadata["actual"]) == ("2", "1")
    assert await store.tasks.get(NAMESPACE, "t") == before
    assert (await transition(store, RUNNING, expected=1)).version == 2


async def test_of_many_equal_moves_at_once_one_succeeds(store: Store) -> None:
    await create(store)
    await add(store, session_id="s")
    results = await asyncio.gather(*(transition(store, RUNNING) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Task) for result in results) == 1
    assert sum(isinstance(result, TransitionNotAllowed) for result in results) == 7
    assert len(await history(store)) == 2
