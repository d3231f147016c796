"""Errors of plans and their items."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import NotFound


class PlanNotFound(NotFound):
    """No plan has this id in this namespace."""

    reason = "PLAN_NOT_FOUND"

    def __init__(self, plan_id: str) -> None:
        super().__init__(f"no plan '{plan_id}'", plan_id=plan_id)


class PlanItemNotFound(NotFound):
    """The plan has no item with this id."""

    reason = "PLAN_ITEM_NOT_FOUND"

    def __init__(self, plan_id: str, item_id: str) -> None:
        super().__init__(f"plan '{plan_id}' has no item '{item_id}'", plan_id=plan_id, item_id=item_id)
