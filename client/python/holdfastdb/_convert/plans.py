"""Between the contract's messages and the client's dataclasses: plans."""

from __future__ import annotations

from collections.abc import Iterable

from holdfastdb._convert.sessions import from_payload_message, lookup, to_optional_payload
from holdfastdb._convert.values import build, from_struct, from_timestamp, to_struct
from holdfastdb.errors import refused
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

_STATUSES = {status: pb.PlanStatus.Value(f"PLAN_STATUS_{status.name}") for status in PlanStatus}
_STATUSES_BACK = {number: status for status, number in _STATUSES.items()}
_ITEM_STATUSES = {
    status: pb.PlanItemStatus.Value(f"PLAN_ITEM_STATUS_{status.name}") for status in PlanItemStatus
}
_ITEM_STATUSES_BACK = {number: status for status, number in _ITEM_STATUSES.items()}


def to_plan_status(status: PlanStatus, path: str = "status") -> pb.PlanStatus.ValueType:
    return lookup(_STATUSES, status, path)


def to_item_status(status: PlanItemStatus, path: str = "status") -> pb.PlanItemStatus.ValueType:
    return lookup(_ITEM_STATUSES, status, path)


def to_items(items: Iterable[NewPlanItem | str], path: str = "items") -> list[pb.PlanItem]:
    return [to_item(item, f"{path}[{index}].") for index, item in enumerate(items)]


def to_item(item: NewPlanItem | str, path: str) -> pb.PlanItem:
    if isinstance(item, str):
        item = NewPlanItem(item)
    return build(
        path,
        pb.PlanItem,
        item_id=item.item_id,
        description=item.description,
        acceptance_criteria=texts(item.acceptance_criteria, f"{path}acceptance_criteria"),
        depends_on=texts(item.depends_on, f"{path}depends_on"),
        status=to_item_status(item.status, f"{path}status"),
        result=to_optional_payload(item.result, f"{path}result"),
        metadata=to_struct(item.metadata, f"{path}metadata"),
    )


def texts(values: Iterable[str], path: str) -> list[str]:
    """The texts in a list; one text alone is refused, for it would be read letter by letter."""
    if isinstance(values, str):
        raise refused(path, "a list of texts is needed, not one text")
    return list(values)


def to_edit(edit: PlanEdit, path: str) -> pb.PlanEdit:
    match edit:
        case PutItem(item, position):
            return build(path, pb.PlanEdit, put=to_item(item, f"{path}item."), position=position)
        case RemoveItem(item_id):
            return build(path, pb.PlanEdit, remove=item_id)
        case MoveItem(item_id, position):
            return build(path, pb.PlanEdit, move=item_id, position=position)


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
        status=_ITEM_STATUSES_BACK[message.status],
        result=from_payload_message(message.result) if message.HasField("result") else None,
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
        status=_STATUSES_BACK[message.status],
        items=tuple(map(from_item, message.items)),
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        version=message.version,
        progress=from_progress(message.progress),
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
    )
