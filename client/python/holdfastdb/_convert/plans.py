"""Plans."""

from __future__ import annotations

from collections.abc import Iterable

from holdfastdb._arguments import of_wrong_type, require_list, require_texts
from holdfastdb._convert.enums import from_enum, to_enum
from holdfastdb._convert.messages import build
from holdfastdb._convert.payloads import from_optional_payload, to_optional_payload
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import from_timestamp
from holdfastdb.types.plans import (
    MoveItem,
    NewPlanItem,
    Plan,
    PlanEdit,
    PlanItem,
    PlanItemStatus,
    PlanProgress,
    PlanStatus,
    PutItem,
    RemoveItem,
)
from holdfastdb.v1 import plan_service_pb2 as pb


def to_items(items: Iterable[NewPlanItem | str]) -> list[pb.PlanItem]:
    return [to_item(item, f"items[{index}]") for index, item in enumerate(require_list(items, "items"))]


def to_item(item: NewPlanItem | str, path: str) -> pb.PlanItem:
    if isinstance(item, str):
        item = NewPlanItem(item)
    if not isinstance(item, NewPlanItem):
        raise of_wrong_type(path, "a NewPlanItem or a text", item)
    return build(
        f"{path}.",
        pb.PlanItem,
        item_id=item.item_id,
        description=item.description,
        acceptance_criteria=require_texts(item.acceptance_criteria, f"{path}.acceptance_criteria"),
        depends_on=require_texts(item.depends_on, f"{path}.depends_on"),
        status=to_enum(pb.PlanItemStatus, item.status, f"{path}.status"),
        result=to_optional_payload(item.result, f"{path}.result"),
        metadata=to_struct(item.metadata, f"{path}.metadata"),
    )


def to_edits(edits: Iterable[PlanEdit]) -> list[pb.PlanEdit]:
    return [_to_edit(edit, f"edits[{index}]") for index, edit in enumerate(require_list(edits, "edits"))]


def _to_edit(edit: object, path: str) -> pb.PlanEdit:
    match edit:
        case PutItem(item, position):
            return build(f"{path}.", pb.PlanEdit, put=to_item(item, f"{path}.item"), position=position)
        case RemoveItem(item_id):
            return build(f"{path}.", pb.PlanEdit, remove=item_id)
        case MoveItem(item_id, position):
            return build(f"{path}.", pb.PlanEdit, move=item_id, position=position)
        case _:
            raise of_wrong_type(path, "a PutItem, RemoveItem or MoveItem", edit)


def from_progress(message: pb.PlanProgress) -> PlanProgress:
    return PlanProgress(
        total=message.total_count,
        pending=message.pending_count,
        in_progress=message.in_progress_count,
        completed=message.completed_count,
        failed=message.failed_count,
        skipped=message.skipped_count,
        ready=message.ready_count,
    )


def from_item(message: pb.PlanItem) -> PlanItem:
    return PlanItem(
        item_id=message.item_id,
        position=message.position,
        description=message.description,
        acceptance_criteria=tuple(message.acceptance_criteria),
        depends_on=tuple(message.depends_on),
        status=from_enum(PlanItemStatus, pb.PlanItemStatus, message.status),
        result=from_optional_payload(message, "result"),
        metadata=from_struct(message.metadata),
        version=message.version,
        ready=message.ready,
        update_time=from_timestamp(message.update_time),
    )


def from_plan(message: pb.Plan) -> Plan:
    return Plan(
        plan_id=message.plan_id,
        session_id=message.session_id,
        title=message.title,
        status=from_enum(PlanStatus, pb.PlanStatus, message.status),
        items=tuple(map(from_item, message.items)),
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        version=message.version,
        progress=from_progress(message.progress),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )
