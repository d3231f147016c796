"""PlanStore.list: filters, order and paging."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.plans.items import ItemStatus
from holdfastdb_server.domain.plans.plan import Plan, PlanFilter, PlanStatus
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, Fetch, create, pages, read_all
from tests.support.plans import create_plan, item, update_item, update_plan

ANY = PlanFilter()


def lister(store: Store, where: PlanFilter = ANY, *, omit_items: bool = False) -> Fetch[Plan]:
    return lambda page: store.plans.list(NAMESPACE, where, page, omit_items=omit_items)


async def found(store: Store, **where: Any) -> list[str]:
    """Return the ids of the plans that match, oldest first."""
    plans = await read_all(lister(store, PlanFilter(**where).checked()), size=100)
    return [plan.plan_id for plan in plans]


async def make(store: Store, count: int) -> list[str]:
    ids = [f"p{number}" for number in range(count)]
    for number, plan_id in enumerate(ids):
        # None, one and several items: a plan is one item of the page, however many rows it has.
        await create_plan(store, plan_id, *map(str, range(number % 3)))
    return ids


async def test_the_list_of_nothing_is_empty(store: Store) -> None:
    for omit_items in (False, True):
        page = await lister(store, omit_items=omit_items)(PageRequest(10, with_total=True))
        assert page == Page([], None, 0)


async def test_a_listed_plan_is_the_same_as_a_single_one(store: Store) -> None:
    await create(store)
    first = item("b", "first", status=ItemStatus.COMPLETED, result=Payload(json="[1.50]"))
    await create_plan(store, "full", first, item("a", depends_on=("b",)), session_id="s", metadata={"x": 1})
    await create_plan(store, "empty", title="t", labels={"a": "1"})
    plans = await read_all(lister(store), size=100)
    assert plans == [await store.plans.get(NAMESPACE, plan_id) for plan_id in ("full", "empty")]
    assert list((await store.plans.list(NAMESPACE, ANY, PageRequest(10))).items) == plans
    bare = await read_all(lister(store, omit_items=True), size=100)
    assert [plan.items for plan in bare] == [(), ()]
    assert [plan.progress for plan in bare] == [plan.progress for plan in plans]
    assert [plan.fields for plan in bare] == [plan.fields for plan in plans]


async def test_each_filter_finds_what_it_says_and_all_must_hold(store: Store) -> None:
    await create(store)
    full: dict[str, Any] = {
        "session_id": "s",
        "status": PlanStatus.ACTIVE,
        "labels": {"a": "1"},
        "metadata": {"m": 1.0},
    }
    whole = await create_plan(store, "whole", **full)
    for name in full:
        await create_plan(store, f"without {name}", **{k: v for k, v in full.items() if k != name})
    filters = {**full, "statuses": [full["status"]]}
    del filters["status"]
    for name, value in filters.items():
        missing = "without status" if name == "statuses" else f"without {name}"
        everything = {"whole", *(f"without {other}" for other in full)}
        assert set(await found(store, **{name: value})) == everything - {missing}, name
    assert await found(store, **filters) == ["whole"]
    assert await found(store, **filters, created_from=whole.create_time) == ["whole"]
    assert await found(store, **filters, created_until=whole.create_time) == []
    later = whole.create_time + timedelta(microseconds=1)
    assert await found(store, created_until=later) == ["whole"]
    assert await found(store, session_id="absent") == []
    assert len(await found(store, statuses=[PlanStatus.ACTIVE, PlanStatus.PENDING])) == 5


async def test_plans_are_found_as_they_are_now(store: Store) -> None:
    await create_plan(store, "p", labels={"a": "old"}, metadata={"m": "old"})
    await update_plan(store, labels={"a": "new"}, metadata={"m": "new"}, status=PlanStatus.FAILED)
    assert await found(store, labels={"a": "new"}, metadata={"m": "new"}) == ["p"]
    assert await found(store, statuses=[PlanStatus.FAILED]) == ["p"]
    assert await found(store, labels={"a": "old"}) == await found(store, metadata={"m": "old"}) == []


@pytest.mark.parametrize("descending", [False, True])
async def test_paging_returns_each_plan_once(store: Store, descending: bool) -> None:
    made = await make(store, 7)
    for omit_items in (False, True):
        for size in (1, 3, 7, 8):
            fetch = lister(store, omit_items=omit_items)
            read = [page async for page in pages(fetch, size, descending=descending)]
            ids = [plan.plan_id for page in read for plan in page.items]
            assert ids == (made[::-1] if descending else made)
            assert all(len(page.items) == size for page in read[:-1])
            assert read[-1].items


async def test_what_is_there_during_the_whole_of_the_paging_is_returned_once(store: Store) -> None:
    made = await make(store, 9)
    seen: list[str] = []
    async for page in pages(lister(store), 2, descending=True):
        seen += [plan.plan_id for plan in page.items]
        await create_plan(store, f"new{len(seen)}")
        await update_plan(store, plan_id="p0", title=str(len(seen)))
        # The cursor's own plan goes.
        await store.plans.delete(NAMESPACE, seen[-1])
    assert seen == made[::-1]


async def test_the_total_counts_all_that_match_and_only_when_asked(store: Store) -> None:
    await make(store, 5)
    await create_plan(store, "other", status=PlanStatus.FAILED)
    first = await lister(store)(PageRequest(2, with_total=True))
    assert (first.total_size, len(first.items)) == (6, 2)
    where = PlanFilter(statuses=[PlanStatus.FAILED])
    assert (await lister(store, where)(PageRequest(2, with_total=True))).total_size == 1
    assert (await lister(store)(PageRequest(2))).total_size is None


async def test_a_page_ends_before_it_passes_the_page_bytes(store: Store) -> None:
    large = Payload(data=bytes(1_000_000))
    for number in range(5):
        await create_plan(store, f"p{number}", item("a", result=large), "b")
    await create_plan(store, "whole", item("a", result=Payload(data=bytes(PAGE_BYTES - 10_000))))
    read = [page async for page in pages(lister(store), 100)]
    assert [[plan.plan_id for plan in page.items] for page in read] == [
        ["p0", "p1", "p2"],
        ["p3", "p4"],
        ["whole"],
    ]
    # Without the items there is room for all.
    assert len((await lister(store, omit_items=True)(PageRequest(100))).items) == 6
    await update_item(store, "a", plan_id="p0", result=Payload(json="1"))
    assert len((await lister(store)(PageRequest(100))).items) == 4


async def test_namespaces_are_apart(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", session_id="s", labels={"a": "1"}, metadata={"m": 1})
    for where in (ANY, PlanFilter(session_id="s", labels={"a": "1"}, metadata={"m": 1})):
        page = await store.plans.list("other", where, PageRequest(10, with_total=True))
        assert page == Page([], None, 0)
