"""PlanStore: create, get and delete."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfastdb_server.domain.errors import (
    DependencyCycle,
    IdTaken,
    LimitExceeded,
    PlanItemNotFound,
    PlanNotFound,
    SessionNotFound,
    VersionMismatch,
)
from holdfastdb_server.domain.limits import PLAN_ITEMS
from holdfastdb_server.domain.plans.items import ItemStatus, Progress
from holdfastdb_server.domain.plans.plan import PlanStatus
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, create, history
from tests.support.plans import EXACT, create_plan, ids, item, update_item, update_plan, versions

FULL: dict[str, Any] = {
    "title": "Ünïcode – title 🦑",
    "status": PlanStatus.ACTIVE,
    "labels": {"env": "prod", "ключ": "значение"},
    "metadata": {"count": 3, "deep": {"list": [1, None, True, "x"]}, "none": None},
}

OTHER: dict[str, Any] = {
    "title": "other",
    "status": PlanStatus.FAILED,
    "labels": {},
    "metadata": {"count": 4},
}


async def test_a_new_plan_and_its_items_are_at_version_1_with_the_content_of_the_draft(store: Store) -> None:
    before = datetime.now(UTC)
    first = item("a", "see ☃", acceptance_criteria=("seen", "writ\nten"), metadata={"n": 1.5, "d": {"x": []}})
    second = item("b", "after", depends_on=("a",), status=ItemStatus.IN_PROGRESS, result=EXACT[0])
    plan = await create_plan(store, "p", first, second, **FULL)
    assert (plan.plan_id, plan.session_id, plan.version) == ("p", "", 1)
    assert plan.fields.title == FULL["title"]
    assert plan.fields.status is PlanStatus.ACTIVE
    assert (plan.fields.labels, plan.fields.metadata) == (FULL["labels"], FULL["metadata"])
    assert [one.fields for one in plan.items] == [first.fields, second.fields]
    assert versions(plan) == {"a": 1, "b": 1}
    assert before <= plan.create_time == plan.update_time <= datetime.now(UTC)
    assert await store.plans.get(NAMESPACE, "p") == plan


async def test_items_without_an_id_get_one_each(store: Store) -> None:
    plan = await create_plan(store, "p", item(), item(), item("own"))
    assert len(set(ids(plan))) == 3
    assert ids(plan)[2] == "own"
    # The ids that we made are no other content.
    assert await create_plan(store, "p", item(), item(), item("own")) == plan


async def test_items_come_in_their_order(store: Store) -> None:
    for count in (0, 1, 60):
        wanted = [str(number) for number in reversed(range(count))]
        await create_plan(store, f"p{count}", *wanted)
        plan = await store.plans.get(NAMESPACE, f"p{count}")
        assert ids(plan) == wanted
        assert plan.progress == Progress(pending=count, ready=count)


async def test_results_come_back_exactly(store: Store) -> None:
    made = [item(str(n), result=result) for n, result in enumerate(EXACT)]
    await create_plan(store, "p", *made, item("none"))
    plan = await store.plans.get(NAMESPACE, "p")
    assert [one.fields.result for one in plan.items] == [*EXACT, None]


async def test_creating_from_the_same_draft_returns_the_plan_as_it_is_now(store: Store) -> None:
    await create_plan(store, "p", "a", "b", **FULL)
    changed = await update_item(store, "a", status=ItemStatus.COMPLETED)
    assert await create_plan(store, "p", "a", "b", **FULL) == changed


@pytest.mark.parametrize("name", [*OTHER, "items", "session_id"])
async def test_creating_from_another_draft_raises_id_taken(store: Store, name: str) -> None:
    await create(store)
    first = await create_plan(store, "p", "a", **FULL)
    other = {**FULL, name: "s" if name == "session_id" else OTHER.get(name)}
    items = [item("a", "other")] if other.pop("items", "") is None else ["a"]
    with pytest.raises(IdTaken) as caught:
        await create_plan(store, "p", *items, **other)
    assert caught.value.metadata == {"resource": "plan", "id": "p"}
    assert await store.plans.get(NAMESPACE, "p") == first
    assert await history(store) == []


async def test_creating_one_id_many_times_at_once_makes_one_plan(store: Store) -> None:
    made = await asyncio.gather(*(create_plan(store, "p", item(), "a") for _ in range(12)))
    assert len(set(map(repr, made))) == 1


async def test_a_plan_of_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await create_plan(store, "p", session_id="absent")


async def test_getting_an_absent_plan_raises_plan_not_found(store: Store) -> None:
    with pytest.raises(PlanNotFound) as caught:
        await store.plans.get(NAMESPACE, "absent")
    assert caught.value.metadata == {"plan_id": "absent"}


async def test_a_dependency_on_an_absent_item_raises_plan_item_not_found(store: Store) -> None:
    with pytest.raises(PlanItemNotFound) as caught:
        await create_plan(store, "p", item("a", depends_on=("b",)))
    assert caught.value.metadata == {"plan_id": "p", "item_id": "b"}
    await create_plan(store, "p", "a", item("b", depends_on=("a",)))
    with pytest.raises(PlanItemNotFound):
        await update_item(store, "a", depends_on=("c",))
    with pytest.raises(PlanItemNotFound):
        await update_plan(store, items=[item("b", depends_on=("a",))])


async def test_items_that_depend_on_themselves_raise_dependency_cycle_with_their_names(store: Store) -> None:
    chain = [item("a", depends_on=("c",)), item("b", depends_on=("a",)), item("c"), item("d")]
    before = await create_plan(store, "p", *chain)
    with pytest.raises(DependencyCycle) as caught:
        await update_item(store, "c", depends_on=("d", "b"))
    found = json.loads(caught.value.metadata["item_ids"])
    assert caught.value.metadata["plan_id"] == "p"
    # Each depends on the next, and the last on the first.
    assert found in (["a", "c", "b"], ["c", "b", "a"], ["b", "a", "c"])
    with pytest.raises(DependencyCycle) as caught:
        await update_item(store, "d", depends_on=("d",))
    assert json.loads(caught.value.metadata["item_ids"]) == ["d"]
    with pytest.raises(DependencyCycle):
        await create_plan(store, "q", item("a", depends_on=("b",)), item("b", depends_on=("a",)))
    assert await store.plans.get(NAMESPACE, "p") == before


async def test_a_plan_has_a_bounded_number_of_items_and_bytes(store: Store) -> None:
    plan = await create_plan(store, "p", *map(str, range(PLAN_ITEMS)))
    with pytest.raises(LimitExceeded) as caught:
        await update_plan(store, items=[*map(item, map(str, range(PLAN_ITEMS + 1)))])
    assert caught.value.metadata["maximum"] == str(PLAN_ITEMS)
    large = Payload(data=bytes(1_600_000))
    await update_item(store, "0", result=large)
    with pytest.raises(LimitExceeded):
        await update_item(store, "1", result=large)
    with pytest.raises(LimitExceeded):
        await create_plan(store, "q", item("a", result=large), item("b", result=large))
    assert (await store.plans.get(NAMESPACE, "p")).version == plan.version + 1


async def test_progress_counts_each_status_and_what_is_ready(store: Store) -> None:
    plan = await create_plan(
        store,
        "p",
        item("done", status=ItemStatus.COMPLETED),
        item("skipped", status=ItemStatus.SKIPPED),
        item("failed", status=ItemStatus.FAILED),
        item("doing", status=ItemStatus.IN_PROGRESS),
        item("free"),
        item("next", depends_on=("done", "skipped")),
        item("blocked", depends_on=("done", "failed")),
        item("waiting", depends_on=("doing",)),
    )
    assert plan.progress == Progress(4, 1, 1, 1, 1, ready=2)
    plan = await update_item(store, "doing", status=ItemStatus.COMPLETED)
    assert plan.progress == Progress(4, 0, 2, 1, 1, ready=3)
    assert (await store.plans.get(NAMESPACE, "p")).progress == plan.progress


async def test_a_plan_is_deleted_with_its_items(store: Store) -> None:
    await create_plan(store, "p", "a")
    with pytest.raises(VersionMismatch):
        await store.plans.delete(NAMESPACE, "p", 2)
    await store.plans.delete(NAMESPACE, "p", 1)
    for _ in range(2):
        with pytest.raises(PlanNotFound):
            await store.plans.delete(NAMESPACE, "p")
    assert ids(await create_plan(store, "p", "b")) == ["b"]


async def test_a_plan_goes_with_its_session(store: Store) -> None:
    await create(store)
    await create_plan(store, "p", "a", session_id="s")
    await create_plan(store, "free", "a")
    await store.sessions.delete(NAMESPACE, "s")
    with pytest.raises(PlanNotFound):
        await store.plans.get(NAMESPACE, "p")
    assert ids(await store.plans.get(NAMESPACE, "free")) == ["a"]


async def test_another_namespace_has_none_of_it(store: Store) -> None:
    await create_plan(store, "p", "a")
    with pytest.raises(PlanNotFound):
        await store.plans.get("other", "p")
    with pytest.raises(PlanNotFound):
        await store.plans.delete("other", "p")
    other = await create_plan(store, "p", "b", namespace="other")
    assert ids(await store.plans.get(NAMESPACE, "p")) == ["a"]
    assert await store.plans.get("other", "p") == other
