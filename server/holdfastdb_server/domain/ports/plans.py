"""The storage port: plans."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.plans.changes import ItemChange, PlanChange
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFilter


class PlanStore(Protocol):
    """Plans and their items.

    If a plan belongs to a session, each status that it takes, the first included, and each status that
    one of its items changes to is appended to the session's history in the same transaction. Deleting the
    session deletes the plan.
    """

    async def create(self, namespace: str, draft: PlanDraft) -> Plan:
        """Create the plan with its items, all at version 1, and return it.

        If a plan with this id was created from the same draft, return that as it is now. Raises IdTaken
        if it was created from another one, SessionNotFound, PlanItemNotFound if an item depends on one
        that the plan does not have, DependencyCycle and LimitExceeded.
        """
        ...

    async def get(self, namespace: str, plan_id: str) -> Plan:
        """Return the plan with its items, in order. Raises PlanNotFound if it is absent."""
        ...

    async def list(
        self, namespace: str, where: PlanFilter, page: PageRequest, *, omit_items: bool = False
    ) -> Page[Plan]:
        """Return the plans that match all of `where`, by creation time, with or without their items.

        The cursor is (creation time in microseconds, key). A plan that exists from the first page to the
        last is returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
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
        """Change the plan and its items, raise the version of each that changed by one, and return the plan.

        A change without effect leaves all versions as they are. A new position does not change an item's
        version. Raises PlanNotFound, VersionMismatch, PlanItemNotFound if the plan does not have an item
        that an edit names or, after all edits, one that an item depends on, DependencyCycle,
        LimitExceeded, and InvalidField if the result is out of bounds.
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

        `expected_version` is the item's, which changes of other items do not raise. A change without effect
        leaves the versions as they are. Raises PlanNotFound, PlanItemNotFound, VersionMismatch,
        DependencyCycle, LimitExceeded, and InvalidField if the result is out of bounds.
        """
        ...

    async def delete(self, namespace: str, plan_id: str, expected_version: int | None = None) -> None:
        """Delete the plan with its items. Raises PlanNotFound and VersionMismatch."""
        ...
