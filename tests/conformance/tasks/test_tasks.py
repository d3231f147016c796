"""TaskStore: create, get, update and delete."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from holdfastdb_server.domain.errors import (
    IdTaken,
    InvalidField,
    LeaseNotHeld,
    LimitExceeded,
    SessionNotFound,
    TaskEnded,
    TaskNotFound,
    VersionMismatch,
)
from holdfastdb_server.domain.limits import PAYLOAD_BYTES
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.tasks.task import TaskFields, TaskStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, create, history
from tests.support.tasks import (
    FIELDS,
    FINAL,
    NOON,
    add,
    bring,
    change,
    claim,
    lapsed,
    lease,
    release,
    task_draft,
    transition,
)

OTHER: dict[str, Any] = {
    "phase": "testing",
    "from_role": "other",
    "to_role": "other",
    "payload": Payload(json='{"b": 1.5, "a": "\\u0000"}', media_type="application/x"),
    "result": Payload(data=b"\x00\xff", media_type="x"),
    "error": "other",
    "priority": 2**31 - 1,
    "run_after_time": NOON + timedelta(microseconds=1),
    "max_attempts": 4,
    "labels": {"env": "prod"},
    "metadata": {"count": 4},
}


class TestCreate:
    async def test_a_new_task_is_pending_at_version_1(self, store: Store) -> None:
        task = await add(store)
        assert (task.status, task.version, task.attempts) == (TaskStatus.PENDING, 1, 0)
        assert (task.worker_id, task.lease_expire_time, task.start_time, task.end_time) == (
            "",
            None,
            None,
            None,
        )
        assert task.create_time == task.update_time
        assert task.fields.max_attempts == 10

    async def test_a_new_task_has_the_fields_of_its_draft(self, store: Store) -> None:
        await create(store)
        keys = {"session_id": "s", "idempotency_key": "i", "dedupe_key": "d" * 1_000, "trace_id": "tr"}
        task = await add(store, kind="bounty", **keys, **FIELDS)
        assert task.fields == TaskFields(**FIELDS)
        assert (task.task_id, task.kind) == ("t", "bounty")
        assert {name: getattr(task, name) for name in keys} == keys
        assert await store.tasks.get(NAMESPACE, "t") == task

    async def test_creating_from_the_same_draft_returns_the_task_as_it_is_now(self, store: Store) -> None:
        await add(store, **FIELDS)
        moved = await transition(store, TaskStatus.CANCELLED)
        assert await add(store, **FIELDS) == moved

    async def test_creating_from_another_draft_raises_id_taken(self, store: Store) -> None:
        first = await add(store, **FIELDS)
        keys = dict.fromkeys(("kind", "dedupe_key", "trace_id", "idempotency_key"), "other")
        for name, value in {**OTHER, **keys}.items():
            with pytest.raises(IdTaken) as caught:
                await add(store, **{**FIELDS, name: value})
            assert caught.value.metadata == {"resource": "task", "id": "t"}
        assert await store.tasks.get(NAMESPACE, "t") == first

    async def test_creating_in_an_absent_session_raises_session_not_found(self, store: Store) -> None:
        with pytest.raises(SessionNotFound):
            await add(store, session_id="absent")
        with pytest.raises(TaskNotFound):
            await store.tasks.get(NAMESPACE, "t")

    async def test_the_session_of_a_new_task_tells_of_it_once(self, store: Store) -> None:
        await create(store)
        for _ in range(2):
            await add(store, session_id="s", trace_id="tr")
        (event,) = await history(store)
        assert (event.type, event.task_id, event.trace_id) == ("holdfast.task.pending", "t", "tr")

    async def test_a_large_payload_comes_back_exactly(self, store: Store) -> None:
        payload = Payload(data=bytes(range(256)) * (PAYLOAD_BYTES // 256))
        assert (await add(store, payload=payload)).fields.payload == payload
        assert (await store.tasks.get(NAMESPACE, "t")).fields.payload == payload


class TestGet:
    async def test_an_absent_task_raises_task_not_found(self, store: Store) -> None:
        with pytest.raises(TaskNotFound) as caught:
            await store.tasks.get(NAMESPACE, "absent")
        assert caught.value.metadata == {"task_id": "absent"}


class TestUpdate:
    async def test_a_field_is_replaced_whole(self, store: Store) -> None:
        task, fields = await add(store, **FIELDS), dict(FIELDS)
        for name, value in OTHER.items():
            before, fields[name] = task, value
            task = await change(store, replaced={name}, **OTHER)
            assert task.fields == TaskFields(**fields)
            assert (task.version, task.update_time > before.update_time) == (before.version + 1, True)
            assert await store.tasks.get(NAMESPACE, "t") == task

    async def test_fields_can_be_emptied(self, store: Store) -> None:
        await add(store, **FIELDS)
        after = await change(store, replaced=set(FIELDS))
        assert after.fields == TaskFields(max_attempts=10)

    async def test_without_names_what_is_not_empty_is_set_and_the_rest_merged(self, store: Store) -> None:
        await add(store, **FIELDS)
        after = await change(
            store, phase="x", labels={"new": "1"}, metadata={"count": None, "deep": {"y": 1}}
        )
        assert after.fields == TaskFields(
            **{
                **FIELDS,
                "phase": "x",
                "labels": {**FIELDS["labels"], "new": "1"},
                "metadata": {"deep": {"list": [1, None, True], "y": 1}},
            }
        )

    async def test_a_change_without_effect_leaves_the_version(self, store: Store) -> None:
        before = await add(store, **FIELDS)
        assert await change(store, **FIELDS) == before
        assert await change(store) == before

    async def test_concurrent_changes_are_all_made(self, store: Store) -> None:
        await add(store)
        await asyncio.gather(*(change(store, labels={f"l{n}": str(n)}) for n in range(12)))
        task = await store.tasks.get(NAMESPACE, "t")
        assert (len(task.fields.labels), task.version) == (12, 13)

    async def test_an_absent_task_raises_task_not_found(self, store: Store) -> None:
        with pytest.raises(TaskNotFound):
            await change(store, phase="x")

    async def test_another_version_raises_version_mismatch(self, store: Store) -> None:
        before = await add(store)
        with pytest.raises(VersionMismatch) as caught:
            await change(store, phase="x", expected=2)
        assert caught.value.metadata == {"resource": "task", "id": "t", "expected": "2", "actual": "1"}
        assert await store.tasks.get(NAMESPACE, "t") == before

    async def test_a_leased_tasks_report_is_changed_with_the_token_only(self, store: Store) -> None:
        await add(store)
        held = await lease(store)
        for name in ("phase", "result", "error"):
            for token in ("", "other"):
                with pytest.raises(LeaseNotHeld):
                    await change(store, replaced={name}, token=token, **OTHER)
            after = await change(store, replaced={name}, token=held.token, **OTHER)
            assert getattr(after.fields, name) == OTHER[name]
        await change(store, priority=5, to_role="x", payload=OTHER["payload"], labels={"a": "b"})

    async def test_the_token_of_a_lapsed_lease_changes_nothing(self, store: Store) -> None:
        await add(store)
        held = await lapsed(store)
        with pytest.raises(LeaseNotHeld):
            await change(store, phase="x", token=held.token)
        assert (await change(store, phase="y")).fields.phase == "y"

    async def test_after_the_end_only_labels_and_metadata_change(self, store: Store) -> None:
        for status, (name, value) in product(FINAL, OTHER.items()):
            task_id = f"{status} {name}"
            await add(store, task_id)
            await bring(store, status, task_id)
            if name in ("labels", "metadata"):
                after = await change(store, task_id, replaced={name}, **OTHER)
                assert getattr(after.fields, name) == value
            else:
                with pytest.raises(TaskEnded) as caught:
                    await change(store, task_id, replaced={name}, **OTHER)
                assert caught.value.metadata == {"task_id": task_id, "status": status.name}

    async def test_a_result_too_large_beside_the_payload_raises_limit_exceeded(self, store: Store) -> None:
        half = Payload(data=b"x" * (PAYLOAD_BYTES // 2 + 1))
        before = await add(store, payload=half)
        with pytest.raises(LimitExceeded):
            await change(store, result=half)
        await transition(store, TaskStatus.RUNNING)
        with pytest.raises(LimitExceeded):
            await transition(store, TaskStatus.SUCCEEDED, result=half)
        assert (await store.tasks.get(NAMESPACE, "t")).fields == before.fields

    async def test_merged_labels_beyond_their_bound_raise_invalid_field(self, store: Store) -> None:
        await add(store, labels={f"a{n}": "" for n in range(64)})
        with pytest.raises(InvalidField):
            await change(store, labels={"one more": ""})


class TestDelete:
    async def test_a_task_of_any_status_is_gone(self, store: Store) -> None:
        for status in TaskStatus:
            await add(store)
            await bring(store, status)
            await store.tasks.delete(NAMESPACE, "t")
            with pytest.raises(TaskNotFound):
                await store.tasks.get(NAMESPACE, "t")

    async def test_the_lease_ends(self, store: Store) -> None:
        await add(store)
        held = await lease(store)
        await store.tasks.delete(NAMESPACE, "t")
        with pytest.raises(TaskNotFound):
            await release(store, held)
        assert await claim(store) is None

    async def test_an_absent_task_raises_task_not_found(self, store: Store) -> None:
        with pytest.raises(TaskNotFound):
            await store.tasks.delete(NAMESPACE, "t")

    async def test_another_version_raises_version_mismatch(self, store: Store) -> None:
        await add(store)
        with pytest.raises(VersionMismatch):
            await store.tasks.delete(NAMESPACE, "t", 2)
        await store.tasks.delete(NAMESPACE, "t", 1)

    async def test_a_sessions_tasks_go_with_it(self, store: Store) -> None:
        await create(store)
        await add(store, "in", session_id="s", labels={"a": "b"})
        await add(store, "out")
        await store.sessions.delete(NAMESPACE, "s")
        with pytest.raises(TaskNotFound):
            await store.tasks.get(NAMESPACE, "in")
        assert (await store.tasks.get(NAMESPACE, "out")).task_id == "out"


async def test_another_namespace_has_other_tasks(store: Store) -> None:
    await add(store)
    with pytest.raises(TaskNotFound):
        await store.tasks.get("other", "t")
    with pytest.raises(TaskNotFound):
        await store.tasks.delete("other", "t")
    assert await claim(store, namespace="other") is None
    await store.tasks.create("other", task_draft("t", phase="another one"))
    assert (await store.tasks.get(NAMESPACE, "t")).fields.phase == ""
