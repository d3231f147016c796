"""PlanStore.update: all items at once, and edits in order."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import DependencyCycle, PlanItemNotFound
from holdfastdb_server.domain.plans.changes import MoveItem, PlanEdit, PutItem, RemoveItem
from holdfastdb_server.domain.plans.items import ItemStatus
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.storage.plans.pages import _with_items
from holdfastdb_server.storage.schema import plan_items, plans
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.plans import create_plan, ids, item, update_plan, versions


async def test_all_items_are_replaced_and_the_same_ones_keep_their_versions(store: Store) -> None:
    before = await create_plan(store, "p", "a", "b", item("c", depends_on=("a",)))
    after = await update_plan(store, items=[item("c"), item("new"), item("b")])
    assert ids(after) == ["c", "new", "b"]
    assert versions(after) == {"c": 2, "new": 1, "b": 1}
    assert after.item("b") == before.item("b")
    assert after.version == 2
    assert await store.plans.get(NAMESPACE, "p") == after
    assert (await update_plan(store, items=[])).items == ()


async def test_replacing_items_by_the_same_ones_changes_nothing(store: Store) -> None:
    before = await create_plan(store, "p", "a", "b")
    assert await update_plan(store, items=[item("a"), item("b")]) == before
    assert await update_plan(store) == before


async def test_another_order_is_a_change_of_the_plan_alone(store: Store) -> None:
    await create_plan(store, "p", "a", "b", "c")
    after = await update_plan(store, items=[item("c"), item("a"), item("b")])
    assert versions(after) == {"a": 1, "b": 1, "c": 1}
    assert after.version == 2
    assert ids(await store.plans.get(NAMESPACE, "p")) == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ([PutItem(item("x"))], "abcx"),
        ([PutItem(item("x"), 1)], "xabc"),
        ([PutItem(item("x"), 3)], "abxc"),
        ([PutItem(item("x"), 4)], "abcx"),
        ([PutItem(item("x"), 99)], "abcx"),
        ([PutItem(item("b", "other"))], "abc"),
        ([PutItem(item("b", "other"), 1)], "bac"),
        ([PutItem(item("a"), 3)], "bca"),
        ([RemoveItem("b")], "ac"),
        ([MoveItem("a", 2)], "bac"),
        ([MoveItem("a", 3)], "bca"),
        ([MoveItem("c", 1)], "cab"),
        ([MoveItem("b", 99)], "acb"),
        ([RemoveItem("a"), PutItem(item("x"), 1), MoveItem("c", 1)], "cxb"),
        ([PutItem(item("x"), 1), PutItem(item("y"), 1), RemoveItem("x")], "yabc"),
        ([RemoveItem("a"), PutItem(item("a", "again"))], "bca"),
    ],
)
async def test_edits_are_applied_in_order(store: Store, edits: list[PlanEdit], wanted: str) -> None:
    await create_plan(store, "p", "a", "b", "c")
    after = await update_plan(store, *edits)
    assert "".join(ids(after)) == wanted
    assert await store.plans.get(NAMESPACE, "p") == after


async def test_an_item_that_is_put_is_replaced_whole(store: Store) -> None:
    was = item("a", "old", status=ItemStatus.COMPLETED, acceptance_criteria=("x",), metadata={"m": 1})
    await create_plan(store, "p", was, "b")
    after = await update_plan(store, PutItem(item("a", "new")))
    assert after.item("a").fields == item("a", "new").fields
    assert versions(after) == {"a": 2, "b": 1}
    assert (await update_plan(store, PutItem(item("a", "new")))) == after


async def test_a_put_without_an_id_adds_an_item_with_a_new_one(store: Store) -> None:
    await create_plan(store, "p", "a")
    edits = [PutItem(item("", "one")), PutItem(item("", "two"))]
    after = await update_plan(store, *edits, request_id="r")
    assert [one.fields.description for one in after.items] == ["do it", "one", "two"]
    assert len(set(ids(after))) == 3
    assert await update_plan(store, *edits, request_id="r") == after


@pytest.mark.parametrize("edit", [RemoveItem("x"), MoveItem("x", 1)])
async def test_an_edit_of_an_absent_item_changes_nothing_at_all(store: Store, edit: PlanEdit) -> None:
    before = await create_plan(store, "p", "a", "b")
    with pytest.raises(PlanItemNotFound) as caught:
        await update_plan(store, RemoveItem("a"), edit, title="new")
    assert caught.value.metadata == {"plan_id": "p", "item_id": "x"}
    assert await store.plans.get(NAMESPACE, "p") == before


async def test_only_the_end_counts_for_dependencies(store: Store) -> None:
    before = await create_plan(store, "p", "a", item("b", depends_on=("a",)))
    with pytest.raises(PlanItemNotFound):
        await update_plan(store, RemoveItem("a"))
    with pytest.raises(DependencyCycle):
        await update_plan(store, PutItem(item("a", depends_on=("b",))))
    assert await store.plans.get(NAMESPACE, "p") == before
    after = await update_plan(store, RemoveItem("a"), PutItem(item("b")))
    assert ids(after) == ["b"]
    turned = await update_plan(store, PutItem(item("b", depends_on=("c",))), PutItem(item("c")))
    assert turned.progress.ready == 1


async def test_items_are_stored_with_positions_from_1_and_the_plan_with_the_first_alone(
    store: SqlStore,
) -> None:
    await create_plan(store, "p", "a", "b", "c", "d", title="t")
    await update_plan(store, RemoveItem("b"), MoveItem("d", 1))
    query = _with_items(plans).where(plans.c.namespace == NAMESPACE).order_by(plan_items.c.position)
    rows = await store._database.read(lambda connection: connection.execute(query))
    found = [(row.item_id, row.item_position, row.title) for row in rows]
    assert found == [("d", 1, "t"), ("a", 2, None), ("c", 3, None)]
