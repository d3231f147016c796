"""PlanStore: update and update_item, their events in the history, and concurrent changes."""

from __future__ import annotations

import asyncio
import json

import pytest

from holdfastdb_server.domain.errors import (
    DependencyCycle,
    InvalidField,
    PlanItemNotFound,
    PlanNotFound,
    RequestIdTaken,
    VersionMismatch,
)
from holdfastdb_server.domain.plans.items import ItemStatus
from holdfastdb_server.domain.plans.plan import Plan, PlanStatus
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create, history
from tests.support.plans import EXACT, create_plan, item, update_item, update_plan, versions


async def statuses(store: Store) -> list[tuple[str, dict[str, str], dict[str, str], str]]:
    """Return what the session's history says of plans: type, labels, body, actor."""
    return [
        (event.type, dict(event.labels), json.loads(event.body.json or ""), event.actor)
        for event in await history(store)
        if isinstance(event.body, Payload)
    ]


async def test_an_item_is_changed_with_its_own_version_and_the_plan_s(store: Store) -> None:
    before = await create_plan(store, "p", "a", "b", "c")
    after = await update_item(store, "b", status=ItemStatus.COMPLETED, result=EXACT[0], description="new")
    assert versions(after) == {"a": 1, "b": 2, "c": 1}
    assert after.version == 2
    assert after.item("b").fields.result == EXACT[0]
    assert (after.item("b").fields.description, after.item("a")) == ("new", before.item("a"))
    assert after.item("b").update_time == after.update_time > before.update_time
    assert await store.plans.get(NAMESPACE, "p") == after


async def test_an_item_s_metadata_is_merged_or_replaced(store: Store) -> None:
    await create_plan(store, "p", item("a", metadata={"x": {"p": 1, "q": 2}, "y": 1}))
    plan = await update_item(store, "a", merges=True, metadata={"x": {"q": None}, "y": None, "z": 3})
    assert plan.item("a").fields.metadata == {"x": {"p": 1}, "z": 3}
    plan = await update_item(store, "a", metadata={"only": "this"})
    assert plan.item("a").fields.metadata == {"only": "this"}


async def test_a_change_of_an_item_without_effect_changes_nothing(store: Store) -> None:
    before = await create_plan(store, "p", item("a", result=EXACT[0], metadata={"x": 1e300}), "b")
    assert await update_item(store, "a") == before
    assert await update_item(store, "a", description="do it", result=EXACT[0]) == before
    assert await update_item(store, "a", merges=True, metadata={"x": 1e300, "absent": None}) == before
    assert await store.plans.get(NAMESPACE, "p") == before


async def test_only_the_item_s_own_version_guards_it(store: Store) -> None:
    await create_plan(store, "p", "a", "b")
    await update_item(store, "b", description="other")
    await update_item(store, "a", description="new", expected=1)
    with pytest.raises(VersionMismatch) as caught:
        await update_item(store, "a", description="newer", expected=1)
    actual = {"resource": "plan item", "id": "p/a", "expected": "1", "actual": "2"}
    assert caught.value.metadata == actual
    assert (await store.plans.get(NAMESPACE, "p")).item("a").fields.description == "new"


async def test_an_absent_item_or_plan_cannot_be_changed(store: Store) -> None:
    with pytest.raises(PlanNotFound):
        await update_item(store, "a", description="new")
    with pytest.raises(PlanNotFound):
        await update_plan(store, title="new")
    await create_plan(store, "p", "a")
    with pytest.raises(PlanItemNotFound):
        await update_item(store, "b", description="new")


async def test_an_item_that_passes_a_bound_raises_invalid_field(store: Store) -> None:
    await create_plan(store, "p", item("a", metadata={"a": "x" * 40_000}))
    with pytest.raises(InvalidField):
        await update_item(store, "a", merges=True, metadata={"b": "x" * 40_000})


async def test_a_plan_s_own_fields_change_without_its_items(store: Store) -> None:
    before = await create_plan(store, "p", "a", title="old", labels={"a": "1"}, metadata={"x": {"p": 1}})
    after = await update_plan(
        store, merges=True, title="new", labels={"b": "2"}, metadata={"x": {"q": 2}}, expected=1
    )
    assert (after.version, after.items) == (2, before.items)
    assert after.fields.title == "new"
    assert (after.fields.labels, after.fields.metadata) == ({"a": "1", "b": "2"}, {"x": {"p": 1, "q": 2}})
    after = await update_plan(store, labels={}, metadata={"y": 1})
    assert (after.fields.labels, after.fields.metadata) == ({}, {"y": 1})
    with pytest.raises(VersionMismatch) as caught:
        await update_plan(store, title="newer", expected=1)
    assert caught.value.metadata == {"resource": "plan", "id": "p", "expected": "1", "actual": "3"}
    assert await update_plan(store, title="new") == await store.plans.get(NAMESPACE, "p") == after


async def test_a_plan_moves_from_any_status_to_any_other(store: Store) -> None:
    await create_plan(store)
    for was in PlanStatus:
        for wanted in PlanStatus:
            await update_plan(store, status=was)
            assert (await update_plan(store, status=wanted)).fields.status is wanted


async def test_statuses_go_to_the_history_of_the_session(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", "a", "b", session_id="s")
    await update_plan(store, status=PlanStatus.ACTIVE, title="new", actor="ada")
    await update_item(store, "b", status=ItemStatus.IN_PROGRESS, actor="bob")
    await update_item(store, "b", description="no new status")
    finished = [item("b", status=ItemStatus.COMPLETED), item("a", status=ItemStatus.SKIPPED), item("new")]
    await update_plan(store, status=PlanStatus.COMPLETED, items=finished)
    of_plan = {"plan_id": "p"}
    assert await statuses(store) == [
        ("holdfast.plan.pending", of_plan, {"to": "PENDING"}, ""),
        ("holdfast.plan.active", of_plan, {"from": "PENDING", "to": "ACTIVE"}, "ada"),
        (
            "holdfast.plan_item.in_progress",
            {"plan_id": "p", "item_id": "b"},
            {"from": "PENDING", "to": "IN_PROGRESS"},
            "bob",
        ),
        ("holdfast.plan.completed", of_plan, {"from": "ACTIVE", "to": "COMPLETED"}, ""),
        (
            "holdfast.plan_item.completed",
            {"plan_id": "p", "item_id": "b"},
            {"from": "IN_PROGRESS", "to": "COMPLETED"},
            "",
        ),
        (
            "holdfast.plan_item.skipped",
            {"plan_id": "p", "item_id": "a"},
            {"from": "PENDING", "to": "SKIPPED"},
            "",
        ),
    ]
    assert (await store.sessions.get(NAMESPACE, "s")).last_sequence == 6


async def test_a_refused_change_leaves_the_history_alone(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", "a", item("b", depends_on=("a",)), session_id="s")
    with pytest.raises(DependencyCycle):
        await update_item(store, "a", status=ItemStatus.COMPLETED, depends_on=("b",))
    assert len(await history(store)) == 1


async def test_a_repeated_request_changes_nothing_more(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", "a", session_id="s")
    once = await update_item(store, "a", status=ItemStatus.FAILED, expected=1, request_id="r1")
    assert await update_item(store, "a", status=ItemStatus.FAILED, expected=1, request_id="r1") == once
    with pytest.raises(RequestIdTaken):
        await update_item(store, "a", status=ItemStatus.SKIPPED, expected=1, request_id="r1")
    with pytest.raises(RequestIdTaken):
        await update_plan(store, title="t", request_id="r1")
    renamed = await update_plan(store, title="t", expected=2, request_id="r2")
    assert await update_plan(store, title="t", expected=2, request_id="r2") == renamed
    # A request that failed was none.
    with pytest.raises(VersionMismatch):
        await update_plan(store, title="u", expected=2, request_id="r3")
    assert (await update_plan(store, title="v", request_id="r3")).fields.title == "v"
    assert len(await history(store)) == 2


async def change_all(stores: list[Store], count: int) -> Plan:
    """Change each item several times at once, and the plan beside them."""
    changes = [
        update_item(stores[turn % len(stores)], str(n), merges=True, metadata={f"m{turn}": turn})
        for n in range(count)
        for turn in range(3)
    ]
    titles = [update_plan(stores[turn % len(stores)], title=f"t{turn}") for turn in range(3)]
    await asyncio.gather(*changes, *titles)
    return await stores[0].plans.get(NAMESPACE, "p")


async def test_changes_at_once_never_lose_one_another(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", *map(str, range(8)), session_id="s")
    plan = await change_all([store], 8)
    assert versions(plan) == {str(n): 4 for n in range(8)}
    assert all(one.fields.metadata == {"m0": 0, "m1": 1, "m2": 2} for one in plan.items)
    assert plan.version == 1 + 3 * 8 + 3


async def test_changes_through_two_replicas_never_lose_one_another(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    first, second = two_stores
    await create(first)
    await create_plan(first, "p", *map(str, range(6)), session_id="s")
    plan = await change_all([first, second], 6)
    assert versions(plan) == {str(n): 4 for n in range(6)}
    assert plan.version == 1 + 3 * 6 + 3


async def test_of_changes_at_once_with_one_expectation_one_wins(store: Store) -> None:
    await create_plan(store, "p", "a")
    results = await asyncio.gather(
        *(update_item(store, "a", description=f"d{n}", expected=1) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, Plan) for result in results) == 1
    assert sum(isinstance(result, VersionMismatch) for result in results) == 7


async def test_a_plan_is_never_read_half_changed(store: Store) -> None:
    await create_plan(store, "p", *map(str, range(5)), title="0")

    async def write() -> None:
        for number in range(1, 15):
            items = [item(str(n), str(number)) for n in range(5 + number % 3)]
            await update_plan(store, title=str(number), items=items)

    async def read() -> None:
        while (plan := await store.plans.get(NAMESPACE, "p")).version < 15:
            if plan.version > 1:
                assert {one.fields.description for one in plan.items} == {plan.fields.title}
                assert len(plan.items) == plan.progress.total == 5 + int(plan.fields.title) % 3

    await asyncio.gather(write(), read(), read())
