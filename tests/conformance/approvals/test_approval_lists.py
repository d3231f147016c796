"""ApprovalStore.list: filters, order and paging."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalFilter, ApprovalStatus
from holdfastdb_server.domain.limits import MEBIBYTE
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.approvals import Clock, ask, bring, decide
from tests.support.content import NAMESPACE, Fetch, create, pages, read_all

PENDING, APPROVED, REJECTED, CANCELLED, EXPIRED = ApprovalStatus
ANY = ApprovalFilter()
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The storage's clock, to move on."""
    return Clock(monkeypatch)


def lister(store: Store, where: ApprovalFilter = ANY) -> Fetch[Approval]:
    return lambda page: store.approvals.list(NAMESPACE, where.checked(), page)


async def found(store: Store, *, size: int = 100, descending: bool = False, **where: Any) -> list[str]:
    """Return the ids of the approvals that match."""
    approvals = await read_all(lister(store, ApprovalFilter(**where)), size=size, descending=descending)
    return [approval.request.approval_id for approval in approvals]


async def total(store: Store, **where: Any) -> int | None:
    page = await store.approvals.list(NAMESPACE, ApprovalFilter(**where), PageRequest(1, with_total=True))
    return page.total_size


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    assert await store.approvals.list(NAMESPACE, ANY, PageRequest(10, with_total=True)) == Page([], None, 0)


async def test_approvals_come_by_the_time_of_their_request_each_once(store: Store) -> None:
    names = [f"a{number}" for number in range(7)]
    for name in names[::-1]:
        await ask(store, name)
    await ask(store, "hidden", namespace="other")
    await decide(store, "a3")
    for size in (1, 3, 7, 100):
        assert await found(store, size=size) == names[::-1]
        assert await found(store, size=size, descending=True) == names


async def test_approvals_that_come_and_go_while_paging_do_not_disturb_the_others(store: Store) -> None:
    await create(store, "gone")
    for number in range(9):
        await ask(store, f"a{number}", session_id="gone" if number % 3 == 2 else "")
    seen: list[str] = []
    async for page in pages(lister(store), 3, descending=True):
        if not seen:
            await store.sessions.delete(NAMESPACE, "gone")
        seen += [approval.request.approval_id for approval in page.items]
        await ask(store, f"new {len(seen)}")
    assert [name for name in seen if name not in ("a8", "a5", "a2")] == ["a7", "a6", "a4", "a3", "a1", "a0"]


async def test_a_listed_approval_is_the_same_as_a_single_one(store: Store) -> None:
    await create(store)
    await ask(store, "a", session_id="s", payload=Payload(json="1"), labels={"a": "b"}, ttl=MINUTE)
    await ask(store, "b", title="t")
    await decide(store, "b", reason="r", response=Payload(data=b"\x00"))
    for approval in await read_all(lister(store), size=100):
        assert approval == await store.approvals.get(NAMESPACE, approval.request.approval_id)


async def test_each_id_is_searched_exactly(store: Store) -> None:
    names = ["task_id", "run_id", "requested_by", "approver", "trace_id"]
    await ask(store, "none")
    for name in names:
        await ask(store, name, **{name: "ada"})
        await ask(store, f"{name} in capitals", **{name: "Ada"})
    await decide(store, "none", by="ada")
    for name in names:
        where: dict[str, Any] = {name: "ada"}
        assert await found(store, **where) == [name]
    assert await found(store, decided_by="ada") == ["none"]
    assert await found(store, decided_by="Ada") == []


async def test_approvals_are_found_by_session_labels_and_time(store: Store) -> None:
    await create(store)
    await create(store, namespace="other")
    await ask(store, "of another", session_id="s", namespace="other")
    first = await ask(store, "first", session_id="s", labels={"env": "prod", "team": "a"})
    second = await ask(store, "second", labels={"env": "prod"})
    assert await found(store, session_id="s") == ["first"]
    assert await found(store, session_id="absent") == []
    assert await found(store, labels={"env": "prod"}) == ["first", "second"]
    assert await found(store, labels={"env": "prod", "team": "a"}) == ["first"]
    assert await found(store, created_from=second.create_time) == ["second"]
    assert await found(store, created_until=second.create_time) == ["first"]
    assert await found(store, created_from=first.create_time, session_id="s", labels={"team": "b"}) == []


async def test_the_wanted_statuses_agree_with_what_is_due(store: Store, clock: Clock) -> None:
    for status in (PENDING, APPROVED, REJECTED, CANCELLED):
        await ask(store, status, ttl=100 * MINUTE)
        await bring(store, status, status)
    await ask(store, "for ever")
    await ask(store, "expired", ttl=MINUTE)
    await ask(store, "due", ttl=MINUTE, namespace="other")
    clock.advance(61)
    assert (await store.approvals.get(NAMESPACE, "expired")).status is EXPIRED
    await ask(store, "due", ttl=MINUTE)
    clock.advance(61)
    wanted = {
        (PENDING,): ["pending", "for ever"],
        (EXPIRED,): ["expired", "due"],
        (APPROVED, CANCELLED): ["approved", "cancelled"],
        (EXPIRED, REJECTED): ["rejected", "expired", "due"],
        (PENDING, APPROVED): ["pending", "approved", "for ever"],
        (PENDING, EXPIRED): ["pending", "for ever", "expired", "due"],
    }
    # The counts first: to list one whose time is up writes that down.
    for statuses, names in wanted.items():
        assert await total(store, statuses=statuses) == len(names)
    assert await found(store, statuses=(PENDING,)) == wanted[PENDING,]
    for statuses, names in reversed(wanted.items()):
        assert await found(store, statuses=statuses, size=2) == names
        assert await total(store, statuses=statuses) == len(names)


async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store) -> None:
    for number in range(5):
        await ask(store, f"a{number}", payload=Payload(data=bytes(MEBIBYTE)))
        await decide(store, f"a{number}", response=Payload(data=bytes(MEBIBYTE)))
    read = [page async for page in pages(lister(store), 100)]
    assert [len(page.items) for page in read] == [1] * 5
    bare = await store.approvals.list(NAMESPACE, ApprovalFilter(omit_payload=True), PageRequest(100))
    assert [(one.request.payload, one.decision.response) for one in bare.items] == [(None, None)] * 5
    assert bare.next is None


async def test_the_total_counts_only_when_asked(store: Store) -> None:
    await ask(store)
    assert (await store.approvals.list(NAMESPACE, ANY, PageRequest(2))).total_size is None
    assert await total(store) == 1
