"""The storage port: plans."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.plans.changes import ItemChange, PlanChange
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFilter


class PlanStore(Protocol):
    """Plans and their items.

    Each status that a plan of a session takes, its first one too, and each that one of its items changes
    to, is appended to that session's history in the same transaction. A plan goes with its session.
    """

    async def create(self, namespace: str, draft: PlanDraft) -> Plan:
        """Create the plan with its items, all at version 1, and return it.

        If a plan with this id was created from the same draft, return that as it is now. Raises IdTaken if
        it was created from another one, SessionNotFound, PlanItemNotFound if an item depends on one that is
        not there, DependencyCycle and LimitExceeded.
        """
        ...

    async def get(self, namespace: str, plan_id: str) -> Plan:
        """Return the plan with its items, in order. Raises PlanNotFound if it is absent."""
        ...

    async def list(
        self, namespace: str, where: PlanFilter, page: PageRequest, *, omit_items: bool = False
    ) -> Page[Plan]:
        """Return the plans that match all of `where`, by creation time, with or without their items.

        The cursor is (creation time in microseconds, key). A plan that is there during the whole of the
        paging is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one item.
        """
        ...

    async def update(
        self,
        namespace: str,
        plan_id: str,
        change: PlanChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Plan:
        """Change the plan and its items, raise the versions of what changed by one, and return the plan.

        A change without effect leaves the versions, and so does an item's new position that item's.
        Raises PlanNotFound, VersionMismatch, PlanItemNotFound if an edit names an item that is not there or
        in the end an item depends on one, DependencyCycle, LimitExceeded, and InvalidField if the result
        passes a bound.
        """
        ...

    async def update_item(
        self,
        namespace: str,
        plan_id: str,
        change: ItemChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Plan:
        """Change one item, raise its version and the plan's by one, and return the plan.

        `expected_version` is the item's: changes of other items do not matter. A change without effect
        leaves the versions. Raises PlanNotFound, PlanItemNotFound, VersionMismatch, DependencyCycle,
        LimitExceeded, and InvalidField if the result passes a bound.
        """
        ...

    async def delete(self, namespace: str, plan_id: str, expected_version: int | None = None) -> None:
        """Delete the plan with its items. Raises PlanNotFound and VersionMismatch."""
        ...
