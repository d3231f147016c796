"""Janitor: what has expired is ended or deleted, and nothing else is changed."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from holdfastdb_server.domain.approvals import ApprovalRequest, ApprovalStatus
from holdfastdb_server.domain.documents.document import (
    DocumentDraft,
    DocumentFields,
    DocumentKey,
    DocumentPut,
)
from holdfastdb_server.domain.errors import RequestIdTaken, SessionNotFound, StateNotFound
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.ports import SweepCounts
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.domain.tasks.moves import Claim
from holdfastdb_server.domain.tasks.task import TaskDraft, TaskStatus
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.ages import age
from tests.support.content import NAMESPACE, append, create, history, load_json, move, notes, save, write
from tests.support.sessions import change
from tests.support.stores import OpenStore

NOTHING = SweepCounts()
DAY = timedelta(days=1)


async def status(store: SqlStore, session_id: str = "s", namespace: str = NAMESPACE) -> SessionStatus:
    return (await store.sessions.get(namespace, session_id)).status


async def test_a_sweep_of_nothing_does_nothing(store: SqlStore) -> None:
    assert await store.janitor.sweep() == NOTHING


@pytest.mark.parametrize("before", [SessionStatus.PENDING, SessionStatus.ACTIVE])
async def test_a_session_at_rest_expires_by_an_ordinary_transition(
    store: SqlStore, before: SessionStatus
) -> None:
    await create(store)
    moved = await move(store, "s", before)
    await age(store, 7 * DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_expired=1)
    after = await store.sessions.get(NAMESPACE, "s")
    assert (after.status, after.version) == (SessionStatus.EXPIRED, moved.version + 1)
    assert after.end_time is not None
    assert after.end_time == after.update_time == after.last_activity_time
    event = (await history(store))[-1]
    assert (event.type, event.sequence, event.actor) == (
        "holdfast.session.expired",
        moved.last_sequence + 1,
        "",
    )
    assert event.sequence == after.last_sequence
    assert isinstance(event.body, Payload)
    details = json.loads(event.body.json or "")
    assert details == {"from": before.name, "to": "EXPIRED", "reason": after.status_reason}
    assert after.status_reason
    assert await store.janitor.sweep() == NOTHING


async def test_a_session_younger_than_its_retention_stays(store: SqlStore) -> None:
    await create(store)
    await age(store, 7 * DAY - timedelta(minutes=5))
    assert await store.janitor.sweep() == NOTHING
    assert await status(store) is SessionStatus.PENDING


async def test_expiry_counts_from_the_last_activity(store: SqlStore) -> None:
    await create(store)
    await age(store, 6 * DAY)
    await append(store, *notes(1))
    await age(store, 6 * DAY)
    assert await store.janitor.sweep() == NOTHING
    assert await status(store) is SessionStatus.PENDING
    await age(store, DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_expired=1)


async def test_a_session_that_never_expires_does_not(store: SqlStore) -> None:
    await create(store, retention="never")
    await age(store, 36_000 * DAY)
    assert await store.janitor.sweep() == NOTHING
    assert await status(store) is SessionStatus.PENDING


async def test_a_retention_of_its_own_goes_before_the_policys(store: SqlStore) -> None:
    await create(store, "brief", retention=DAY)
    await create(store, "long", retention=30 * DAY)
    await age(store, 2 * DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_expired=1)
    assert await status(store, "brief") is SessionStatus.EXPIRED
    await age(store, 20 * DAY)
    assert await store.janitor.sweep() == NOTHING
    await age(store, 10 * DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_expired=1)
    assert await status(store, "long") is SessionStatus.EXPIRED


@pytest.mark.parametrize(("former", "now", "expired"), [(30, 7, True), (1, 30, False)])
async def test_a_changed_policy_takes_effect_on_what_is_there(
    open_store: OpenStore, former: int, now: int, expired: bool
) -> None:
    store = await open_store(policy=Policy(session_retention=former * DAY))
    await create(store, "old")
    await create(store, "own", retention=365 * DAY)
    await create(store, "never", retention="never")
    await age(store, 10 * DAY)
    await create(store, "new")
    await store.close()
    store = await open_store(policy=Policy(session_retention=now * DAY))
    assert (await store.janitor.sweep()).sessions_expired == int(expired)
    assert (await status(store, "old") is SessionStatus.EXPIRED) is expired
    assert await store.janitor.sweep() == NOTHING
    await age(store, now * DAY)
    assert (await store.janitor.sweep()).sessions_expired == (1 if expired else 2)
    assert {await status(store, name) for name in ("own", "never")} == {SessionStatus.PENDING}


async def test_sessions_that_have_ended_do_not_expire(store: SqlStore) -> None:
    for end in (SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED):
        await create(store, end.name)
        await move(store, end.name, end)
        await store.sessions.update(NAMESPACE, end.name, change(title="looked at"))
    await age(store, 100 * DAY)
    assert await store.janitor.sweep() == NOTHING
    assert await status(store, "FAILED") is SessionStatus.FAILED


async def test_it_sweeps_all_namespaces_and_more_than_a_batch(store: SqlStore) -> None:
    names = [f"s{number}" for number in range(105)]
    for namespace in ("one", "two"):
        await asyncio.gather(*(create(store, name, namespace=namespace) for name in names))
    await age(store, 8 * DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_expired=210)
    assert await status(store, "s104", "two") is SessionStatus.EXPIRED


async def test_approvals_and_tasks_are_swept_too(store: SqlStore) -> None:
    question = ApprovalRequest("a", ttl=timedelta(hours=1)).checked()
    await store.approvals.request(NAMESPACE, question)
    await store.tasks.create(NAMESPACE, TaskDraft("t", "scan").checked())
    lease = await store.tasks.claim(NAMESPACE, Claim(lease_duration=timedelta(hours=1)))
    assert lease is not None
    assert await store.janitor.sweep() == NOTHING
    await age(store, timedelta(hours=2))
    assert await store.janitor.sweep() == SweepCounts(approvals_expired=1, leases_checked=1)
    assert (await store.approvals.get(NAMESPACE, "a")).status is ApprovalStatus.EXPIRED
    assert (await store.tasks.get(NAMESPACE, "t")).status is TaskStatus.PENDING
    assert await store.janitor.sweep() == NOTHING


async def test_documents_are_swept_too(store: SqlStore) -> None:
    fields = DocumentFields(Payload(json="1"), ttl=DAY)
    draft = DocumentDraft(DocumentKey("notes", "d"), fields).checked()
    await store.documents.put(NAMESPACE, DocumentPut(draft))
    assert await store.janitor.sweep() == NOTHING
    await age(store, DAY)
    assert await store.janitor.sweep() == SweepCounts(documents_deleted=1)
    assert await store.janitor.sweep() == NOTHING


async def test_keys_and_request_ids_are_forgotten_after_the_policys_time(store: SqlStore) -> None:
    def task(name: str) -> TaskDraft:
        return TaskDraft(name, "scan", idempotency_key="key").checked()

    await create(store)
    await save(store, write("k", '"first"'), request_id="r")
    await store.tasks.create(NAMESPACE, task("t1"))
    await store.tasks.claim(NAMESPACE, Claim(), request_id="r")
    await age(store, timedelta(hours=23))
    swept = await store.janitor.sweep()
    assert (swept.keys_freed, swept.requests_forgotten) == (0, 0)
    with pytest.raises(RequestIdTaken):
        await save(store, write("k", '"second"'), request_id="r")
    await age(store, timedelta(hours=1))
    swept = await store.janitor.sweep()
    assert (swept.keys_freed, swept.requests_forgotten) == (1, 2)
    assert await save(store, write("k", '"second"'), request_id="r") == [2]
    assert (await store.tasks.create(NAMESPACE, task("t2"))).task_id == "t2"
    assert await store.janitor.sweep() == NOTHING


async def test_the_first_sweep_of_a_server_trims_states_to_the_number_kept(open_store: OpenStore) -> None:
    store = await open_store()
    for name in ("s", "other"):
        await create(store, name)
        for version in range(1, 8):
            await save(store, write("k", str(version)), write("j", "0"), session_id=name)
    await save(store, write("brief", "1"))
    await create(store, "young")
    for version in range(1, 4):
        await save(store, write("k", str(version)), session_id="young")
    for _ in range(7):
        await save(store, write("j", "0"), session_id="young")
    assert (await store.janitor.sweep()).versions_deleted == 0
    await store.close()
    store = await open_store(policy=Policy(state_versions_kept=3))
    assert await store.janitor.sweep() == SweepCounts(versions_deleted=20)
    assert [await load_json(store, "k", version) for version in (5, 6, 7)] == ["5", "6", "7"]
    young = [await load_json(store, "k", version, session_id="young") for version in (1, 2, 3)]
    assert young == ["1", "2", "3"]
    for version in range(1, 5):
        with pytest.raises(StateNotFound):
            await load_json(store, "k", version, session_id="other")
    assert await load_json(store, "brief") == "1"
    assert await store.janitor.sweep() == NOTHING


async def test_by_default_sessions_that_have_ended_stay(store: SqlStore) -> None:
    await create(store)
    await move(store, "s", SessionStatus.COMPLETED)
    await age(store, 36_000 * DAY)
    assert await store.janitor.sweep() == NOTHING


async def test_sessions_that_ended_long_ago_are_deleted_with_all_that_hangs_on_them(
    open_store: OpenStore,
) -> None:
    store = await open_store(policy=Policy(session_purge=30 * DAY))
    for name in ("old", "new", "open"):
        await create(store, name, retention="never")
        await append(store, *notes(20), session_id=name)
    await create(store, "also old")
    await store.sessions.transition(NAMESPACE, "also old", Transition(SessionStatus.EXPIRED))
    await move(store, "old", SessionStatus.FAILED)
    await age(store, 29 * DAY)
    await move(store, "new", SessionStatus.COMPLETED)
    assert await store.janitor.sweep() == NOTHING
    await age(store, 2 * DAY)
    assert await store.janitor.sweep() == SweepCounts(sessions_deleted=2)
    for name in ("old", "also old"):
        with pytest.raises(SessionNotFound):
            await store.sessions.get(NAMESPACE, name)
    assert len(await history(store, "new")) == 22
    assert len(await history(store, "open")) == 20
