"""Plans between protobuf and domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from holdfastdb_server.domain.values import check_metadata_filter
from holdfastdb_server.rpc.convert.masks import read_mask
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_optional_time,
    read_payload,
    read_struct,
    write_payload,
    write_struct,
    write_time,
)

ResponseT = TypeVar("ResponseT", pb.CreatePlanResponse, pb.GetPlanResponse, pb.UpdatePlanResponse)

_NUMBERS = {status: pb.PlanStatus.Value(f"PLAN_STATUS_{status.name}") for status in PlanStatus}
_STATUSES: dict[int, PlanStatus] = {number: status for status, number in _NUMBERS.items()}
_ITEM_NUMBERS = {status: pb.PlanItemStatus.Value(f"PLAN_ITEM_STATUS_{status.name}") for status in ItemStatus}
_ITEM_STATUSES: dict[int, ItemStatus] = {number: status for status, number in _ITEM_NUMBERS.items()}

# What is not specified is pending, where a plan or an item is described.
_SAID: Mapping[int, PlanStatus] = {**_STATUSES, 0: PlanStatus.PENDING}
_SAID_OF_ITEM: Mapping[int, ItemStatus] = {**_ITEM_STATUSES, 0: ItemStatus.PENDING}

_PLAN_PATHS = ("title", "status", "items", "labels", "metadata")
_ITEM_PATHS = ("description", "acceptance_criteria", "depends_on", "status", "result", "metadata")


def read_draft(request: pb.CreatePlanRequest) -> PlanDraft:
    """Return the plan to create, with a new id if the caller chose none."""
    plan = request.plan
    return PlanDraft(
        plan_id=plan.plan_id or new_id(),
        session_id=plan.session_id,
        fields=_read_fields(plan),
        items=_read_items(plan),
    ).checked()


def read_change(request: pb.UpdatePlanRequest) -> PlanChange:
    """Return the change, by mask or by merging, and by edits."""
    taken = read_mask(request.update_mask, request.plan, _PLAN_PATHS)
    return PlanChange(
        fields=_read_fields(request.plan),
        replaced=taken.replaced,
        merges=taken.merges,
        items=_read_items(request.plan) if "items" in taken.replaced else (),
        edits=[_read_edit(f"edits[{index}]", edit) for index, edit in enumerate(request.edits)],
        actor=request.actor,
    ).checked()


def read_item_change(request: pb.UpdatePlanItemRequest) -> ItemChange:
    """Return the change of an item, by mask or by merging."""
    taken = read_mask(request.update_mask, request.item, _ITEM_PATHS)
    return ItemChange(
        item_id=request.item.item_id,
        fields=_read_item_fields("item", request.item),
        replaced=taken.replaced,
        merges=taken.merges,
        actor=request.actor,
    ).checked()


def read_filter(request: pb.ListPlansRequest) -> PlanFilter:
    """Return which plans to list."""
    statuses = (
        read_choice(f"statuses[{index}]", number, _STATUSES) for index, number in enumerate(request.statuses)
    )
    return PlanFilter(
        statuses=tuple(dict.fromkeys(statuses)),
        session_id=request.session_id,
        labels=dict(request.labels),
        metadata=check_metadata_filter("metadata", read_struct("metadata", request.metadata)),
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


def write_item_change(plan: Plan, item_id: str) -> pb.UpdatePlanItemResponse:
    """Return the answer to the change of an item. Raises PlanItemNotFound when it is gone since."""
    response = pb.UpdatePlanItemResponse(plan_version=plan.version)
    item = plan.item(item_id)
    is_ready = item_id in ready_items(plan.items)
    _write_item(response.item, item, plan.items.index(item) + 1, is_ready=is_ready)
    _write_progress(response.progress, plan.progress)
    return response


def _read_fields(plan: pb.Plan) -> PlanFields:
    return PlanFields(
        title=plan.title,
        status=read_choice("plan.status", plan.status, _SAID),
        labels=dict(plan.labels),
        metadata=read_struct("plan.metadata", plan.metadata),
    )


def _read_items(plan: pb.Plan) -> tuple[ItemDraft, ...]:
    return tuple(_read_item(f"plan.items[{index}]", item) for index, item in enumerate(plan.items))


def _read_item(path: str, item: pb.PlanItem) -> ItemDraft:
    return ItemDraft(_read_item_fields(path, item), item.item_id)


def _read_item_fields(path: str, item: pb.PlanItem) -> ItemFields:
    return ItemFields(
        description=item.description,
        acceptance_criteria=tuple(item.acceptance_criteria),
        depends_on=tuple(item.depends_on),
        status=read_choice(f"{path}.status", item.status, _SAID_OF_ITEM),
        result=read_payload(item.result) if item.HasField("result") else None,
        metadata=read_struct(f"{path}.metadata", item.metadata),
    )


def _read_edit(path: str, edit: pb.PlanEdit) -> PlanEdit:
    match edit.WhichOneof("edit"):
        case "put":
            return PutItem(_read_item(f"{path}.put", edit.put), edit.position)
        case "remove" if not edit.position:
            return RemoveItem(edit.remove)
        case "remove":
            raise InvalidField(f"{path}.position", "has no meaning where an item is removed")
        case "move":
            return MoveItem(edit.move, edit.position)
        case _:
            raise InvalidField(path, "must have one of `put`, `remove` and `move`")


def _write_plan(target: pb.Plan, plan: Plan) -> None:
    fields = plan.fields
    target.plan_id = plan.plan_id
    target.session_id = plan.session_id
    target.title = fields.title
    target.status = _NUMBERS[fields.status]
    ready = ready_items(plan.items)
    for position, item in enumerate(plan.items, 1):
        _write_item(target.items.add(), item, position, is_ready=item.item_id in ready)
    if fields.labels:
        target.labels.update(fields.labels)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    target.version = plan.version
    _write_progress(target.progress, plan.progress)
    write_time(target.create_time, plan.create_time)
    write_time(target.update_time, plan.update_time)


def _write_item(target: pb.PlanItem, item: PlanItem, position: int, *, is_ready: bool) -> None:
    fields = item.fields
    target.item_id = item.item_id
    target.position = position
    target.description = fields.description
    target.acceptance_criteria.extend(fields.acceptance_criteria)
    target.depends_on.extend(fields.depends_on)
    target.status = _ITEM_NUMBERS[fields.status]
    if fields.result is not None:
        write_payload(target.result, fields.result)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    target.version = item.version
    target.ready = is_ready
    write_time(target.update_time, item.update_time)


def _write_progress(target: pb.PlanProgress, progress: Progress) -> None:
    target.total_count = progress.total
    target.pending_count = progress.pending
    target.in_progress_count = progress.in_progress
    target.completed_count = progress.completed
    target.failed_count = progress.failed
    target.skipped_count = progress.skipped
    target.ready_count = progress.ready
