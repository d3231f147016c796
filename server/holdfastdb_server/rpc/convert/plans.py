"""Plans between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import plan_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.plans.changes import (
    ItemChange,
    MoveItem,
    PlanChange,
    PlanEdit,
    PutItem,
    RemoveItem,
)
from holdfastdb_server.domain.plans.items import (
    ItemDraft,
    ItemFields,
    ItemStatus,
    PlanItem,
    Progress,
    ready_items,
)
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFields, PlanFilter, PlanStatus
from holdfastdb_server.rpc.convert.enums import read_enum
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import read_optional_time

ResponseT = TypeVar("ResponseT", pb.CreatePlanResponse, pb.GetPlanResponse, pb.UpdatePlanResponse)


def read_draft(request: pb.CreatePlanRequest) -> PlanDraft:
    """Return the plan to create, with a new id if the request has none."""
    plan = request.plan
    return PlanDraft(
        plan_id=plan.plan_id or new_id(),
        session_id=plan.session_id,
        fields=_read_fields(plan),
        items=_read_items(plan),
    ).checked()


def read_change(request: pb.UpdatePlanRequest) -> PlanChange:
    """Return the change, by the update mask or by merging, and by edits."""
    allowed = (*PlanFields.__struct_fields__, "items")
    replaced, merges = read_mask(request.update_mask, request.plan, allowed)
    return PlanChange(
        fields=_read_fields(request.plan),
        replaced=replaced,
        merges=merges,
        items=_read_items(request.plan) if "items" in replaced else (),
        edits=[_read_edit(f"edits[{index}]", edit) for index, edit in enumerate(request.edits)],
        actor=request.actor,
    ).checked()


def read_item_change(request: pb.UpdatePlanItemRequest) -> ItemChange:
    """Return the change of an item, by the update mask or by merging."""
    item = request.item
    mask = read_mask(request.update_mask, item, ItemFields.__struct_fields__)
    return ItemChange(item.item_id, _read_item_fields("item.", item), *mask, request.actor).checked()


def read_filter(request: pb.ListPlansRequest) -> PlanFilter:
    """Return which plans to list."""
    return read_fields(
        request,
        PlanFilter,
        created_from=read_optional_time(request, "create_time_from"),
        created_until=read_optional_time(request, "create_time_until"),
    ).checked()


def write_plan(response: ResponseT, plan: Plan) -> ResponseT:
    """Return the response with its plan."""
    _write_plan(response.plan, plan)
    return response


def write_plans(plans: Sequence[Plan]) -> pb.ListPlansResponse:
    """Return a list of plans."""
    response = pb.ListPlansResponse()
    for plan in plans:
        _write_plan(response.plans.add(), plan)
    return response


def write_changed_item(plan: Plan, item_id: str) -> pb.UpdatePlanItemResponse:
    """Return the response of UpdatePlanItem. Raises PlanItemNotFound if the item was removed since."""
    response = pb.UpdatePlanItemResponse(plan_version=plan.version)
    item = plan.item(item_id)
    is_ready = item_id in ready_items(plan.items)
    _write_item(response.item, item, plan.items.index(item) + 1, is_ready=is_ready)
    _write_progress(response.progress, plan.progress)
    return response


def _read_fields(plan: pb.Plan) -> PlanFields:
    status = read_enum("plan.status", plan.status, PlanStatus) if plan.status else PlanStatus.PENDING
    return read_fields(plan, PlanFields, "plan.", status=status)


def _read_items(plan: pb.Plan) -> tuple[ItemDraft, ...]:
    return tuple(_read_item(f"plan.items[{index}].", item) for index, item in enumerate(plan.items))


def _read_item(path: str, item: pb.PlanItem) -> ItemDraft:
    return ItemDraft(_read_item_fields(path, item), item.item_id)


def _read_item_fields(path: str, item: pb.PlanItem) -> ItemFields:
    status = read_enum(f"{path}status", item.status, ItemStatus) if item.status else ItemStatus.PENDING
    return read_fields(item, ItemFields, path, status=status)


def _read_edit(path: str, edit: pb.PlanEdit) -> PlanEdit:
    match edit.WhichOneof("edit"):
        case "put":
            return PutItem(_read_item(f"{path}.put.", edit.put), edit.position)
        case "remove" if not edit.position:
            return RemoveItem(edit.remove)
        case "remove":
            raise InvalidField(f"{path}.position", "has no meaning where an item is removed")
        case "move":
            return MoveItem(edit.move, edit.position)
        case _:
            raise InvalidField(path, "must have one of `put`, `remove` and `move`")


def _write_plan(target: pb.Plan, plan: Plan) -> None:
    write_fields(target, plan)
    write_fields(target, plan.fields)
    _write_progress(target.progress, plan.progress)
    ready = ready_items(plan.items)
    for position, item in enumerate(plan.items, 1):
        _write_item(target.items.add(), item, position, is_ready=item.item_id in ready)


def _write_item(target: pb.PlanItem, item: PlanItem, position: int, *, is_ready: bool) -> None:
    write_fields(target, item)
    write_fields(target, item.fields)
    target.position = position
    target.ready = is_ready


def _write_progress(target: pb.PlanProgress, progress: Progress) -> None:
    target.total_count = progress.total
    target.pending_count = progress.pending
    target.in_progress_count = progress.in_progress
    target.completed_count = progress.completed
    target.failed_count = progress.failed
    target.skipped_count = progress.skipped
    target.ready_count = progress.ready
