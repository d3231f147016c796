"""Between rows and plans with their items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict, fields

from holdfastdb_server.domain.plans.items import ItemFields, ItemStatus, PlanItem, Progress
from holdfastdb_server.domain.plans.plan import Plan, PlanFields, PlanStatus
from holdfastdb_server.domain.values import dump_json, payload_bytes, utf8_size
from holdfastdb_server.storage.query.payloads import payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size

_COUNTS = tuple(field.name for field in fields(Progress))


def plan_values(plan: Plan) -> dict[str, Any]:
    """Return the columns of what changes of a plan."""
    return {
        "title": plan.fields.title,
        "status": plan.fields.status,
        "labels": dict(plan.fields.labels),
        "metadata": plan.fields.metadata,
        **{f"{name}_count": count for name, count in asdict(plan.progress).items()},
        "size": plan_size(plan),
        "version": plan.version,
        "update_time": plan.update_time,
    }


def plan_of(row: Any, items: Sequence[PlanItem] = ()) -> Plan:
    """Return the plan in a whole row of `plans`."""
    return Plan(
        plan_id=row.id,
        session_id=row.session_id or "",
        fields=PlanFields(row.title, PlanStatus(row.status), row.labels, row.metadata),
        items=tuple(items),
        progress=Progress(*(getattr(row, f"{name}_count") for name in _COUNTS)),
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def item_row(key: int, namespace: str, position: int, item: PlanItem) -> tuple[Any, ...]:
    """Return an item as a row: the columns of `plan_items`, in order."""
    said = item.fields
    return (
        key,
        item.item_id,
        namespace,
        position,
        said.description,
        dump_json(said.acceptance_criteria),
        dump_json(said.depends_on),
        said.status,
        *payload_values("result", said.result).values(),
        dump_json(said.metadata),
        item.version,
        item.update_time,
    )


def item_of(row: Any) -> PlanItem:
    """Return the item in a row of `plan_items` whose columns are named `item_…`."""
    said = ItemFields(
        description=row.item_description,
        acceptance_criteria=tuple(json.loads(row.item_acceptance_criteria)),
        depends_on=tuple(json.loads(row.item_depends_on)),
        status=ItemStatus(row.item_status),
        result=payload_of(row, "item_result"),
        metadata=json.loads(row.item_metadata),
    )
    return PlanItem(row.item_id, said, row.item_version, row.item_update_time)


def plan_size(plan: Plan) -> int:
    """Return about how many bytes a plan has on the wire, with the items that it has here."""
    said = plan.fields
    own = utf8_size(plan.plan_id) + utf8_size(plan.session_id) + utf8_size(said.title)
    own += searchable_size(said.labels) + searchable_size(said.metadata)
    return OVERHEAD + own + sum(_item_size(item) for item in plan.items)


def _item_size(item: PlanItem) -> int:
    said = item.fields
    texts = (item.item_id, said.description, *said.acceptance_criteria, *said.depends_on)
    # Each text has a tag and a length of its own.
    size = sum(utf8_size(text) + 4 for text in texts)
    return OVERHEAD + size + payload_bytes(said.result) + searchable_size(said.metadata)
