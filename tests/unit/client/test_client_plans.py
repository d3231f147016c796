"""What the methods of plans send, and what they make of the answers."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

import holdfastdb
from holdfastdb import Json, MoveItem, NewPlanItem, PlanEdit, PlanItemStatus, PlanStatus, PutItem, RemoveItem
from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import plan_service_pb2 as pb
from tests.unit.client.scripted import Script

ITEM = pb.PlanItem(
    item_id="a",
    position=1,
    description="do it",
    depends_on=["b"],
    status=pb.PLAN_ITEM_STATUS_COMPLETED,
    result=payload_pb2.Payload(json="[1.50]"),
    version=2,
)
PROGRESS = pb.PlanProgress(total_count=3, pending_count=1, completed_count=2, ready_count=1)
PLAN = pb.Plan(plan_id="p", status=pb.PLAN_STATUS_ACTIVE, items=[ITEM], progress=PROGRESS, version=4)


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    for verb in ("Create", "Get", "Update"):
        script.on(f"{verb}Plan", getattr(pb, f"{verb}PlanResponse")(plan=PLAN))
    script.on("ListPlans", pb.ListPlansResponse(plans=[PLAN], total_size=1))
    script.on("UpdatePlanItem", pb.UpdatePlanItemResponse(item=ITEM, progress=PROGRESS, plan_version=4))
    script.on("DeletePlan", pb.DeletePlanResponse())


async def last(script: Script, call: Awaitable[object]) -> Any:
    await call
    return script.calls[-1].request


async def test_create_sends_items_and_texts_and_returns_the_plan(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    second = NewPlanItem("fix", item_id="b", depends_on=["a"], acceptance_criteria=["green"], result={"x": 1})
    plan = await client.plans.create(["read", second], title="t", session_id="s", status=PlanStatus.ACTIVE)
    sent = script.calls[-1].request.plan
    uuid.UUID(sent.plan_id)
    assert (sent.title, sent.session_id, sent.status) == ("t", "s", pb.PLAN_STATUS_ACTIVE)
    assert [item.description for item in sent.items] == ["read", "fix"]
    assert (sent.items[0].item_id, sent.items[0].HasField("result")) == ("", False)
    assert (list(sent.items[1].depends_on), sent.items[1].result.json) == (["a"], '{"x":1}')
    assert (plan.status, plan.progress.completed, plan.version) == (PlanStatus.ACTIVE, 2, 4)
    item = plan.item("a")
    assert (item.status, item.result, item.depends_on) == (PlanItemStatus.COMPLETED, Json("[1.50]"), ("b",))
    with pytest.raises(KeyError):
        plan.item("b")


async def test_an_update_merges_unless_told_to_replace(
    script: Script, client: holdfastdb.AsyncClient
) -> None:
    request = await last(script, client.plans.update("p", status=PlanStatus.PENDING, expected_version=3))
    assert not request.HasField("update_mask")
    assert (request.plan.status, request.expected_version) == (pb.PLAN_STATUS_PENDING, 3)
    uuid.UUID(request.request_id)
    request = await last(script, client.plans.update("p", title="", items=[], labels={}, replace=True))
    assert list(request.update_mask.paths) == ["title", "items", "labels"]
    for call in (client.plans.update("p", title=""), client.plans.update("p", items=[])):
        with pytest.raises(holdfastdb.InvalidArgument, match="replace=True"):
            await call


async def test_edits_are_sent_in_order(script: Script, client: holdfastdb.AsyncClient) -> None:
    put = PutItem(NewPlanItem("n", item_id="a"))
    edits: list[PlanEdit] = [PutItem("new", 2), put, RemoveItem("b"), MoveItem("c", 1)]
    request = await last(script, client.plans.update("p", edits=edits, actor="ada"))
    assert [edit.WhichOneof("edit") for edit in request.edits] == ["put", "put", "remove", "move"]
    assert (request.edits[0].put.description, request.edits[0].position) == ("new", 2)
    assert (request.edits[2].remove, request.edits[3].move, request.edits[3].position) == ("b", "c", 1)
    assert request.actor == "ada"


async def test_one_item_is_updated_with_what_is_given(script: Script, client: holdfastdb.AsyncClient) -> None:
    done = await client.plans.update_item("p", "a", status=PlanItemStatus.FAILED, result=b"\0")
    sent = script.calls[-1].request
    assert (sent.plan_id, sent.item.item_id, sent.item.result.data) == ("p", "a", b"\0")
    assert sent.item.status == pb.PLAN_ITEM_STATUS_FAILED
    assert (done.item.item_id, done.progress.ready, done.plan_version) == ("a", 1, 4)
    request = await last(script, client.plans.update_item("p", "a", depends_on=[], replace=True))
    assert list(request.update_mask.paths) == ["depends_on"]
    with pytest.raises(holdfastdb.InvalidArgument, match="replace=True"):
        await client.plans.update_item("p", "a", depends_on=[])
    # Not read letter by letter.
    with pytest.raises(holdfastdb.InvalidArgument, match="list of texts"):
        await client.plans.update_item("p", "a", depends_on="bc")


async def test_lists_and_deletes(script: Script, client: holdfastdb.AsyncClient) -> None:
    pager = client.plans.list(statuses=[PlanStatus.FAILED], session_id="s", omit_items=True)
    assert [plan.plan_id async for plan in pager] == ["p"]
    sent = script.calls[-1].request
    assert (list(sent.statuses), sent.session_id, sent.omit_items) == ([pb.PLAN_STATUS_FAILED], "s", True)
    request = await last(script, client.plans.delete("p", expected_version=0, allow_missing=True))
    assert (request.plan_id, request.expected_version, request.allow_missing) == ("p", 0, True)


async def test_a_bad_item_is_named(client: holdfastdb.AsyncClient) -> None:
    bad: Any = NewPlanItem("x", result={1, 2})
    with pytest.raises(holdfastdb.InvalidArgument) as caught:
        await client.plans.create(["fine", bad])
    assert caught.value.field_violations[0].field == "items[1].result"
