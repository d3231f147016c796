"""ApprovalStore.expire, and what every call returns for an approval that has expired."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalFilter, ApprovalStatus, Decision
from holdfastdb_server.domain.errors import ApprovalAlreadyDecided
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from tests.support.approvals import MINUTE, Clock, ask, decide
from tests.support.content import NAMESPACE, create, history

PENDING, APPROVED, REJECTED, CANCELLED, EXPIRED = ApprovalStatus


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The storage's clock, to move on."""
    return Clock(monkeypatch)


async def test_from_its_expiry_on_an_approval_is_expired_for_every_call(store: Store, clock: Clock) -> None:
    await create(store)
    names = ["get", "list", "decide", "wait", "ask"]
    asked = [await ask(store, name, session_id="s", ttl=MINUTE) for name in names]
    clock.advance(61)
    expired = [approval.expired() for approval in asked]
    assert expired[0].decision == Decision(EXPIRED)
    assert expired[0].end_time == asked[0].expire_time
    assert await store.approvals.get(NAMESPACE, "get") == expired[0]
    with pytest.raises(ApprovalAlreadyDecided) as caught:
        await decide(store, "decide", request_id="q")
    assert caught.value.metadata == {"approval_id": "decide", "status": "EXPIRED"}
    assert await store.approvals.wait(NAMESPACE, "wait", 60) == expired[3]
    assert await ask(store, "ask", session_id="s", ttl=MINUTE) == expired[4]
    page = await store.approvals.list(NAMESPACE, ApprovalFilter(), PageRequest(10))
    assert list(page.items) == expired
    # And each expiry is in the history, once.
    events = [event for event in await history(store) if event.type == "holdfast.approval.expired"]
    assert sorted(event.labels["approval_id"] for event in events) == sorted(names)
    assert {event.event_time for event in events} == {approval.end_time for approval in expired}
    assert await store.approvals.expire(10) == 0


async def test_its_time_is_up_at_the_microsecond_of_its_expiry(store: Store, clock: Clock) -> None:
    end = (await ask(store, "a", ttl=MINUTE)).create_time + MINUTE
    pending, expired = (ApprovalFilter(statuses=[status]) for status in (PENDING, EXPIRED))
    page = PageRequest(1, with_total=True)
    for time, counts in ((end - timedelta(microseconds=1), [1, 0]), (end, [0, 1])):
        clock.stop(time)
        # The second list writes the expiry down, if there is one.
        for where, count in zip((pending, expired), counts, strict=True):
            assert (await store.approvals.list(NAMESPACE, where, page)).total_size == count
    for call in (store.approvals.get(NAMESPACE, "b"), store.approvals.wait(NAMESPACE, "b", 60)):
        clock.stop((await ask(store, "b", ttl=MINUTE)).create_time + MINUTE)
        assert (await call).status is EXPIRED
    clock.stop((await ask(store, "c", ttl=2 * MINUTE)).create_time + 2 * MINUTE)
    assert await store.approvals.expire(10) == 1


async def test_until_its_expiry_it_can_be_decided_and_afterwards_stays_so(store: Store, clock: Clock) -> None:
    await ask(store, ttl=MINUTE)
    await ask(store, "for ever")
    clock.advance(55)
    decided = await decide(store)
    clock.advance(3_600)
    assert await store.approvals.get(NAMESPACE, "a") == decided
    assert await store.approvals.expire(10) == 0
    assert (await store.approvals.get(NAMESPACE, "for ever")).status is PENDING


async def test_a_decision_that_came_too_late_can_be_repeated_and_is_still_late(
    store: Store, clock: Clock
) -> None:
    await create(store)
    await ask(store, session_id="s", ttl=MINUTE)
    clock.advance(61)
    for _ in range(2):
        with pytest.raises(ApprovalAlreadyDecided):
            await decide(store, request_id="q")
        assert [event.type for event in await history(store)][1:] == ["holdfast.approval.expired"]


async def test_expire_takes_so_many_of_those_whose_time_is_up(store: Store, clock: Clock) -> None:
    await create(store)
    for number in range(5):
        namespace = NAMESPACE if number % 2 else "other"
        await ask(store, f"a{number}", ttl=(5 - number) * MINUTE, namespace=namespace)
    await ask(store, "with session", session_id="s", ttl=MINUTE)
    await ask(store, "later", ttl=60 * MINUTE)
    await ask(store, "never")
    clock.advance(3 * 60 + 1)
    assert await store.approvals.expire(3) == 3
    assert await store.approvals.expire(3) == 1
    assert await store.approvals.expire(3) == 0
    statuses = [(await store.approvals.get(NAMESPACE, f"a{n}")).status for n in (1, 3)]
    assert statuses == [PENDING, EXPIRED]
    assert [event.type for event in await history(store)] == [
        "holdfast.approval.pending",
        "holdfast.approval.expired",
    ]


async def test_the_one_that_expired_first_is_written_down_first(store: Store, clock: Clock) -> None:
    await create(store)
    for approval_id, minutes in (("a", 3), ("b", 1), ("c", 2)):
        await ask(store, approval_id, session_id="s", ttl=minutes * MINUTE)
    clock.advance(3 * 60 + 1)
    for approval_id in ("b", "c", "a"):
        assert await store.approvals.expire(1) == 1
        assert (await history(store))[-1].labels == {"approval_id": approval_id}


async def test_of_many_who_look_at_once_one_writes_the_expiry_down(store: Store, clock: Clock) -> None:
    await create(store)
    for number in range(4):
        await ask(store, f"a{number}", session_id="s" if number % 2 else "", ttl=MINUTE)
    clock.advance(61)
    calls: list[Any] = [store.approvals.expire(10) for _ in range(4)]
    calls += [store.approvals.get(NAMESPACE, f"a{n % 4}") for n in range(8)]
    calls += [decide(store, f"a{n % 4}") for n in range(4)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {result.status for result in results if isinstance(result, Approval)} == {EXPIRED}
    assert sum(isinstance(result, ApprovalAlreadyDecided) for result in results) == 4
    assert len(await history(store)) == 4
