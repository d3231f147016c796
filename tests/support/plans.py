"""Plans for tests to store."""

from __future__ import annotations

from typing import Any

from holdfastdb_server.domain.plans.changes import ItemChange, PlanChange, PlanEdit
from holdfastdb_server.domain.plans.items import ItemDraft, ItemFields
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFields
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE

# Payloads that any conversion would change.
EXACT = [
    Payload(json='{"b": 1, "a": 9007199254740993, "nul": "\\u0000", "🦑": 1.50, "b": 2}'),
    Payload(json="null", media_type="application/x-nothing"),
    Payload(data=bytes(range(256)), media_type="image/png"),
    Payload(data=b""),
]


def item(item_id: str = "", description: str = "do it", **fields: Any) -> ItemDraft:
    """Return an item. `fields` are those of ItemFields."""
    return ItemDraft(ItemFields(description, **fields), item_id)


def plan_draft(plan_id: str = "p", *items: ItemDraft | str, session_id: str = "", **fields: Any) -> PlanDraft:
    """Return a checked draft. Texts are items with that id; `fields` are those of PlanFields."""
    made = [item(one) if isinstance(one, str) else one for one in items]
    return PlanDraft(plan_id, session_id, PlanFields(**fields), made).checked()


async def create_plan(
    store: Store, plan_id: str = "p", *items: ItemDraft | str, namespace: str = NAMESPACE, **fields: Any
) -> Plan:
    """Create a plan, as `plan_draft` says."""
    return await store.plans.create(namespace, plan_draft(plan_id, *items, **fields))


async def update_plan(
    store: Store,
    *edits: PlanEdit,
    plan_id: str = "p",
    merges: bool = False,
    actor: str = "",
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Plan:
    """Change a plan: the given fields of PlanFields, all `items`, and by edits."""
    items = fields.pop("items", None)
    replaced = set(fields) - ({"labels", "metadata"} if merges else set())
    change = PlanChange(
        PlanFields(**fields),
        frozenset(replaced if items is None else replaced | {"items"}),
        merges,
        items or (),
        edits,
        actor,
    )
    return await store.plans.update(NAMESPACE, plan_id, change.checked(), expected, request_id)


async def update_item(
    store: Store,
    item_id: str,
    *,
    plan_id: str = "p",
    merges: bool = False,
    actor: str = "",
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Plan:
    """Change the given fields of an item."""
    replaced = frozenset(fields) - ({"metadata"} if merges else set())
    change = ItemChange(item_id, ItemFields(**fields), replaced, merges, actor).checked()
    return await store.plans.update_item(NAMESPACE, plan_id, change, expected, request_id)


def ids(plan: Plan) -> list[str]:
    """Return the ids of a plan's items, in order."""
    return [one.item_id for one in plan.items]


def versions(plan: Plan) -> dict[str, int]:
    """Return the versions of a plan's items by id."""
    return {one.item_id: one.version for one in plan.items}
