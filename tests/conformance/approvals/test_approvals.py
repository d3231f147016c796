"""ApprovalStore: request, decide and get."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalRequest, ApprovalStatus, Decision
from holdfastdb_server.domain.errors import (
    ApprovalAlreadyDecided,
    ApprovalNotFound,
    IdTaken,
    LimitExceeded,
    RequestIdTaken,
    SessionNotFound,
)
from holdfastdb_server.domain.limits import MEBIBYTE
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import MINUTE, ask, bring, decide
from tests.support.content import NAMESPACE, create, history

PENDING, APPROVED, REJECTED, CANCELLED, EXPIRED = ApprovalStatus
DECISIONS = [APPROVED, REJECTED, CANCELLED]

FULL: dict[str, Any] = {
    "task_id": "task-7",
    "run_id": "run-7",
    "title": "Pay 5 € 🦑?",
    "payload": Payload(json='{"b": 1, "a": 9007199254740993, "nul": "\\u0000"}'),
    "requested_by": "coder",
    "approver": "ada",
    "labels": {"env": "prod"},
    "trace_id": "x",
    "ttl": MINUTE,
}

OTHER: dict[str, Any] = {
    "task_id": "other",
    "run_id": "other",
    "title": "other",
    "payload": Payload(data=b"\x00", media_type="image/png"),
    "requested_by": "other",
    "approver": "other",
    "labels": {},
    "trace_id": "other",
    "ttl": None,
}


async def test_a_new_approval_is_pending(store: Store) -> None:
    before = datetime.now(UTC)
    approval = await ask(store)
    assert approval.decision == Decision()
    assert (approval.status, approval.end_time, approval.expire_time) == (PENDING, None, None)
    assert before <= approval.create_time <= datetime.now(UTC)


async def test_an_approval_comes_back_as_it_was_asked(store: Store) -> None:
    await create(store)
    asked = await ask(store, session_id="s", **FULL)
    assert asked.request == ApprovalRequest("a", session_id="s", **FULL)
    assert asked.expire_time == asked.create_time + MINUTE
    assert await store.approvals.get(NAMESPACE, "a") == asked
    data = await ask(store, "b", payload=OTHER["payload"])
    assert await store.approvals.get(NAMESPACE, "b") == data


async def test_an_absent_approval_raises_approval_not_found(store: Store) -> None:
    await ask(store, namespace="other")
    for call in (store.approvals.get(NAMESPACE, "a"), decide(store), store.approvals.wait(NAMESPACE, "a", 9)):
        with pytest.raises(ApprovalNotFound) as caught:
            await call
        assert caught.value.metadata == {"approval_id": "a"}


async def test_asking_the_same_again_returns_the_approval_as_it_is_now(store: Store) -> None:
    await create(store)
    await ask(store, session_id="s", **FULL)
    decided = await decide(store)
    assert await ask(store, session_id="s", **FULL) == decided
    assert len(await history(store)) == 2


async def test_asking_something_else_raises_id_taken(store: Store) -> None:
    first = await ask(store, **FULL)
    for name, value in OTHER.items():
        with pytest.raises(IdTaken) as caught:
            await ask(store, **{**FULL, name: value})
        assert caught.value.metadata == {"resource": "approval", "id": "a"}
    assert await store.approvals.get(NAMESPACE, "a") == first


async def test_asking_in_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await ask(store, session_id="absent")
    with pytest.raises(ApprovalNotFound):
        await store.approvals.get(NAMESPACE, "a")


async def test_asking_one_question_many_times_at_once_asks_it_once(store: Store) -> None:
    await create(store)
    asked = await asyncio.gather(*(ask(store, session_id="s", **FULL) for _ in range(12)))
    assert len(set(map(repr, asked))) == 1
    assert len(await history(store)) == 1


async def test_an_approval_is_deleted_with_its_session(store: Store) -> None:
    await create(store)
    await ask(store, session_id="s")
    await store.sessions.delete(NAMESPACE, "s")
    with pytest.raises(ApprovalNotFound):
        await store.approvals.get(NAMESPACE, "a")
    with pytest.raises(ApprovalNotFound):
        await decide(store)


async def test_each_decision_is_kept_and_appends_its_event(store: Store) -> None:
    await create(store)
    response = Payload(json='{"amount":  4.50}')
    for status in DECISIONS:
        before = datetime.now(UTC)
        await ask(store, status, session_id="s", **FULL)
        decided = await decide(store, status, status, by="ada", reason='be"cause ☃', response=response)
        assert decided.decision == Decision(status, "ada", 'be"cause ☃', response)
        assert decided.end_time is not None
        assert before <= decided.end_time <= datetime.now(UTC)
        assert await store.approvals.get(NAMESPACE, status) == decided
        first, second = (await history(store))[-2:]
        assert (first.type, second.type) == ("holdfast.approval.pending", f"holdfast.approval.{status}")
        assert (first.actor, second.actor) == ("coder", "ada")
        for event in (first, second):
            assert (event.task_id, event.run_id, event.trace_id) == ("task-7", "run-7", "x")
            assert event.labels == {"approval_id": status}
        assert isinstance(second.body, Payload)
        details = json.loads(second.body.json or "")
        assert details == {"from": "PENDING", "to": status.name, "reason": 'be"cause ☃'}


async def test_no_decision_is_changed(store: Store) -> None:
    await create(store)
    for current in DECISIONS:
        await ask(store, current, session_id="s")
        before = await bring(store, current, current)
        events = await history(store)
        for status in DECISIONS:
            with pytest.raises(ApprovalAlreadyDecided) as caught:
                await decide(store, current, status, by="eve")
            assert caught.value.metadata == {"approval_id": current, "status": current.name}
        assert await store.approvals.get(NAMESPACE, current) == before
        assert await history(store) == events


async def test_payload_and_response_share_a_bound(store: Store) -> None:
    half = Payload(data=bytes(2 * MEBIBYTE))
    before = await ask(store, payload=half)
    with pytest.raises(LimitExceeded):
        await decide(store, response=half)
    assert await store.approvals.get(NAMESPACE, "a") == before
    assert (await decide(store)).status is APPROVED


async def test_a_repeated_decision_gets_the_first_answer(store: Store) -> None:
    await create(store)
    await ask(store, session_id="s")
    first = await decide(store, reason="r", request_id="q")
    assert await decide(store, reason="r", request_id="q") == first
    with pytest.raises(ApprovalAlreadyDecided):
        await decide(store, reason="r", request_id="another")
    with pytest.raises(RequestIdTaken):
        await decide(store, reason="another", request_id="q")
    assert len(await history(store)) == 2


@pytest.mark.parametrize("session", ["", "s"])
async def test_of_32_who_decide_at_once_through_two_servers_one_does(
    two_stores: tuple[SqlStore, SqlStore], session: str
) -> None:
    await create(two_stores[0])
    await ask(two_stores[0], session_id=session)
    results = await asyncio.gather(
        # Each of the 32 sends its request twice.
        *(
            decide(two_stores[n % 2], status=DECISIONS[n % 3], by=f"d{n}", request_id=f"q{n}")
            for n in [*range(32), *range(32)]
        ),
        return_exceptions=True,
    )
    made = [result for result in results if isinstance(result, Approval)]
    assert len(made) == 2
    assert made[0] == made[1] == await two_stores[1].approvals.get(NAMESPACE, "a")
    others = [result for result in results if isinstance(result, ApprovalAlreadyDecided)]
    assert len(others) == 62
    assert {error.metadata["status"] for error in others} == {made[0].status.name}
    assert len(await history(two_stores[0])) == (2 if session else 0)


async def test_of_many_who_decide_at_once_one_does(store: Store) -> None:
    await create(store)
    await ask(store, session_id="s")
    results = await asyncio.gather(
        *(decide(store, status=DECISIONS[n % 3], by=f"d{n}") for n in range(32)), return_exceptions=True
    )
    assert sum(isinstance(result, Approval) for result in results) == 1
    assert sum(isinstance(result, ApprovalAlreadyDecided) for result in results) == 31
