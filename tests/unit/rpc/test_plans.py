"""Plans between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from msgspec.structs import replace

from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import plan_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.plans.changes import MoveItem, PutItem, RemoveItem
from holdfastdb_server.domain.plans.items import ItemDraft, ItemFields, ItemStatus
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFields, PlanStatus
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import plans

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ITEM = pb.PlanItem(description="do it")


def a_plan() -> Plan:
    first = ItemFields("first", ("seen",), (), ItemStatus.COMPLETED, Payload(json="1.50"), {"n": 3})
    items = [ItemDraft(first, "a"), ItemDraft(ItemFields("second", depends_on=("a",)), "b")]
    return PlanDraft("p", "s", PlanFields("Title", PlanStatus.ACTIVE, {"k": "v"}, {"n": 3}), items).made(NOON)


def test_a_plan_has_all_of_its_fields() -> None:
    written = plans.write_plan(pb.GetPlanResponse(), a_plan()).plan
    expected = ParseDict(
        {
            "planId": "p",
            "sessionId": "s",
            "title": "Title",
            "status": "PLAN_STATUS_ACTIVE",
            "items": [
                {
                    "itemId": "a",
                    "position": 1,
                    "description": "first",
                    "acceptanceCriteria": ["seen"],
                    "status": "PLAN_ITEM_STATUS_COMPLETED",
                    "result": {"json": "1.50"},
                    "metadata": {"n": 3},
                    "version": 1,
                    "updateTime": "2026-01-01T12:00:00Z",
                },
                {
                    "itemId": "b",
                    "position": 2,
                    "description": "second",
                    "dependsOn": ["a"],
                    "status": "PLAN_ITEM_STATUS_PENDING",
                    "version": 1,
                    "ready": True,
                    "updateTime": "2026-01-01T12:00:00Z",
                },
            ],
            "labels": {"k": "v"},
            "metadata": {"n": 3},
            "version": 1,
            "progress": {"totalCount": 2, "pendingCount": 1, "completedCount": 1, "readyCount": 1},
            "createTime": "2026-01-01T12:00:00Z",
            "updateTime": "2026-01-01T12:00:00Z",
        },
        pb.Plan(),
    )
    assert written == expected


def test_a_changed_item_comes_with_the_plan_s_progress_and_version() -> None:
    written = plans.write_changed_item(replace(a_plan(), version=7), "b")
    assert (written.item.item_id, written.item.position, written.item.ready) == ("b", 2, True)
    assert (written.progress.completed_count, written.plan_version) == (1, 7)


@pytest.mark.parametrize("status", [*PlanStatus, *ItemStatus])
def test_each_status_has_its_number(status: PlanStatus | ItemStatus) -> None:
    if isinstance(status, PlanStatus):
        plan = pb.Plan(plan_id="p", status=pb.PlanStatus.Value(f"PLAN_STATUS_{status.name}"))
        assert plans.read_draft(pb.CreatePlanRequest(plan=plan)).fields.status is status
    else:
        number = pb.PlanItemStatus.Value(f"PLAN_ITEM_STATUS_{status.name}")
        plan = pb.Plan(plan_id="p", items=[pb.PlanItem(description="x", status=number)])
        assert plans.read_draft(pb.CreatePlanRequest(plan=plan)).items[0].fields.status is status


def test_a_draft_has_an_id_and_what_is_not_specified_is_pending() -> None:
    draft = plans.read_draft(pb.CreatePlanRequest(plan=pb.Plan(items=[ITEM], version=9)))
    assert UUID(draft.plan_id).version == 7
    assert (draft.fields.status, draft.items[0].fields.status) == (PlanStatus.PENDING, ItemStatus.PENDING)
    assert draft.items[0].item_id == ""


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"title": "x" * 1_001}, "plan.title"),
        ({"items": [ITEM, pb.PlanItem()]}, "plan.items[1].description"),
        ({"items": [pb.PlanItem(description="x" * 16_001)]}, "plan.items[0].description"),
        ({"items": [pb.PlanItem(description="\0")]}, "plan.items[0].description"),
        ({"items": [pb.PlanItem(item_id="a", description="x")] * 2}, "plan.items[1].item_id"),
        ({"items": [pb.PlanItem(item_id="\n", description="x")]}, "plan.items[0].item_id"),
        (
            {"items": [pb.PlanItem(description="x", acceptance_criteria=["a", ""])]},
            "plan.items[0].acceptance_criteria[1]",
        ),
        (
            {"items": [pb.PlanItem(description="x", acceptance_criteria=["a"] * 101)]},
            "plan.items[0].acceptance_criteria",
        ),
        ({"items": [pb.PlanItem(description="x", depends_on=["a", "a"])]}, "plan.items[0].depends_on[1]"),
        ({"items": [pb.PlanItem(description="x", depends_on=[""])]}, "plan.items[0].depends_on[0]"),
        ({"items": [pb.PlanItem(description="x", result=payload_pb2.Payload())]}, "plan.items[0].result"),
        ({"items": [pb.PlanItem(description="x", status=99)]}, "plan.items[0].status"),  # type: ignore[arg-type]
        ({"status": 99}, "plan.status"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(plan: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        plans.read_draft(pb.CreatePlanRequest(plan=pb.Plan(plan_id="p", **plan)))
    assert refusal.value.field == field


def test_without_a_mask_what_is_not_empty_is_set_and_the_rest_merged() -> None:
    plan = pb.Plan(title="t", status=pb.PLAN_STATUS_PENDING, labels={"a": "1"}, metadata=_struct({"x": 1}))
    change = plans.read_change(pb.UpdatePlanRequest(plan=plan))
    assert (change.replaced, change.merges) == (frozenset({"title", "status"}), True)
    change = plans.read_change(pb.UpdatePlanRequest(plan=pb.Plan(items=[ITEM])))
    assert (change.replaced, len(change.items)) == (frozenset({"items"}), 1)
    item = pb.PlanItem(item_id="a", result=payload_pb2.Payload(json="1"))
    item_change = plans.read_item_change(pb.UpdatePlanItemRequest(item=item))
    assert (item_change.replaced, item_change.merges) == (frozenset({"result"}), True)


def test_a_mask_replaces_what_it_lists_and_no_more() -> None:
    request = pb.UpdatePlanRequest(
        plan=pb.Plan(title="ignored", items=[pb.PlanItem()]),
        update_mask=FieldMask(paths=["labels", "status"]),
    )
    change = plans.read_change(request)
    assert (change.replaced, change.merges, change.items) == (frozenset({"labels", "status"}), False, ())
    assert change.fields.status is PlanStatus.PENDING


@pytest.mark.parametrize("path", ["plan_id", "items.status", "*", "", "progress"])
def test_an_unknown_path_in_a_mask_is_refused(path: str) -> None:
    mask = FieldMask(paths=["status", path])
    for read in (
        lambda: plans.read_change(pb.UpdatePlanRequest(update_mask=mask)),
        lambda: plans.read_item_change(pb.UpdatePlanItemRequest(update_mask=mask)),
    ):
        with pytest.raises(InvalidField) as refusal:
            read()
        assert refusal.value.field == "update_mask"


def test_edits_are_read_in_order() -> None:
    request = pb.UpdatePlanRequest(
        edits=[
            pb.PlanEdit(put=ITEM, position=2),
            pb.PlanEdit(remove="a"),
            pb.PlanEdit(move="b", position=1),
        ]
    )
    put = PutItem(ItemDraft(ItemFields("do it")), 2)
    assert plans.read_change(request).edits == [put, RemoveItem("a"), MoveItem("b", 1)]


@pytest.mark.parametrize(
    ("edits", "field"),
    [
        ([pb.PlanEdit()], "edits[0]"),
        ([pb.PlanEdit(put=pb.PlanItem())], "edits[0].put.description"),
        ([pb.PlanEdit(remove="a"), pb.PlanEdit(put=ITEM, position=-1)], "edits[1].position"),
        ([pb.PlanEdit(remove="a", position=1)], "edits[0].position"),
        ([pb.PlanEdit(remove="")], "edits[0].remove"),
        ([pb.PlanEdit(move="a")], "edits[0].position"),
        ([pb.PlanEdit(remove="a")] * 1_001, "edits"),
    ],
)
def test_a_bad_edit_is_refused_by_its_name(edits: list[pb.PlanEdit], field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        plans.read_change(pb.UpdatePlanRequest(edits=edits))
    assert refusal.value.field == field


def test_edits_cannot_be_made_while_all_items_are_replaced() -> None:
    request = pb.UpdatePlanRequest(plan=pb.Plan(items=[ITEM]), edits=[pb.PlanEdit(remove="a")])
    with pytest.raises(InvalidField) as refusal:
        plans.read_change(request)
    assert refusal.value.field == "edits"


def test_an_item_s_required_fields_are_required_where_they_are_replaced() -> None:
    with pytest.raises(InvalidField) as refusal:
        plans.read_item_change(pb.UpdatePlanItemRequest(item=ITEM))
    assert refusal.value.field == "item.item_id"
    item = pb.PlanItem(item_id="a")
    plans.read_item_change(pb.UpdatePlanItemRequest(item=item, update_mask=FieldMask(paths=["status"])))
    mask = FieldMask(paths=["description"])
    with pytest.raises(InvalidField) as refusal:
        plans.read_item_change(pb.UpdatePlanItemRequest(item=item, update_mask=mask))
    assert refusal.value.field == "item.description"


def _struct(value: dict[str, Any]) -> Struct:
    return ParseDict(value, Struct())
