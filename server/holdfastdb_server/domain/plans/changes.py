"""Changes of plans: of fields, of items by edits, and of one item."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.errors import InvalidField, PlanItemNotFound, VersionMismatch
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.plans.items import ItemDraft, ItemFields, check_drafts
from holdfastdb_server.domain.plans.plan import Plan, PlanFields
from holdfastdb_server.domain.values import check_count, check_not_negative


class PutItem(Struct, frozen=True):
    """Adds the item, or replaces the one with its id. Position 0: at the end, or the replaced one's."""

    item: ItemDraft
    position: int = 0

    def checked(self, path: str) -> PutItem:
        """Return the edit, checked and normalized. Raises InvalidField."""
        check_not_negative(f"{path}.position", self.position)
        return replace(self, item=self.item.checked(f"{path}.put"))

    def apply(self, plan_id: str, items: list[ItemDraft]) -> None:
        """Apply the edit to the list."""
        place = _find(items, self.item.item_id)
        if place is None:
            items.insert(self.position - 1 if self.position else len(items), self.item)
        elif not self.position:
            items[place] = self.item
        else:
            del items[place]
            items.insert(self.position - 1, self.item)


class RemoveItem(Struct, frozen=True):
    """Removes an item."""

    item_id: str

    def checked(self, path: str) -> RemoveItem:
        """Return the edit, checked and normalized. Raises InvalidField."""
        check_id(f"{path}.remove", self.item_id)
        return self

    def apply(self, plan_id: str, items: list[ItemDraft]) -> None:
        """Apply the edit to the list. Raises PlanItemNotFound."""
        del items[_require(plan_id, items, self.item_id)]


class MoveItem(Struct, frozen=True):
    """Moves an item to a position."""

    item_id: str
    position: int

    def checked(self, path: str) -> MoveItem:
        """Return the edit, checked and normalized. Raises InvalidField."""
        check_id(f"{path}.move", self.item_id)
        if self.position < 1:
            raise InvalidField(f"{path}.position", f"is {self.position}; it must be at least 1")
        return self

    def apply(self, plan_id: str, items: list[ItemDraft]) -> None:
        """Apply the edit to the list. Raises PlanItemNotFound."""
        item = items.pop(_require(plan_id, items, self.item_id))
        items.insert(self.position - 1, item)


PlanEdit: TypeAlias = PutItem | RemoveItem | MoveItem
"""One change of a plan's items. Positions are from 1; one beyond the end means the end."""


class PlanChange(Struct, frozen=True):
    """A change of a plan.

    `replaced` names the fields to take from `fields` whole, `items` among them. With `merges`, labels and
    metadata are merged. The edits are applied in order.
    """

    fields: PlanFields
    replaced: frozenset[str]
    merges: bool = False
    items: Sequence[ItemDraft] = ()
    edits: Sequence[PlanEdit] = ()
    actor: str = ""

    def checked(self) -> PlanChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        check_count("edits", self.edits, limits.PLAN_EDITS)
        if self.edits and "items" in self.replaced:
            raise InvalidField("edits", "cannot be made while all items are replaced")
        check_optional_id("actor", self.actor)
        return replace(
            self,
            fields=self.fields.checked(),
            items=check_drafts("plan.items", self.items),
            edits=[edit.checked(f"edits[{index}]") for index, edit in enumerate(self.edits)],
        )

    def apply(self, plan: Plan, now: datetime) -> Plan:
        """Return the plan after the change, or itself if it changes nothing.

        Raises PlanItemNotFound, DependencyCycle, LimitExceeded, and InvalidField if out of bounds.
        """
        replaced = self.replaced - {"items"}
        fields = changed_fields(plan.fields, self.fields, replaced, merges=self.merges)
        items = [ItemDraft(item.fields, item.item_id) for item in plan.items]
        if "items" in self.replaced:
            items = list(self.items)
        for edit in self.edits:
            edit.apply(plan.plan_id, items)
        return plan.revised(fields.checked(), items, now)


class ItemChange(Struct, frozen=True):
    """A change of one item.

    `replaced` names the fields to take from `fields` whole. With `merges`, metadata is merged.
    """

    item_id: str
    fields: ItemFields
    replaced: frozenset[str]
    merges: bool = False
    actor: str = ""

    def checked(self) -> ItemChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        check_id("item.item_id", self.item_id)
        check_optional_id("actor", self.actor)
        is_whole = "description" in self.replaced
        return replace(self, fields=self.fields.checked("item", is_whole=is_whole))

    def apply(self, plan: Plan, now: datetime, expected_version: int | None) -> Plan:
        """Return the plan after the change, or itself if nothing changes. `expected_version` is the item's.

        Raises PlanItemNotFound, VersionMismatch, DependencyCycle, LimitExceeded, and InvalidField if the
        result is out of bounds.
        """
        item = plan.item(self.item_id)
        if expected_version not in (None, item.version):
            name = f"{plan.plan_id}/{self.item_id}"
            raise VersionMismatch("plan item", name, expected_version or 0, item.version)
        fields = changed_fields(item.fields, self.fields, self.replaced, merges=self.merges)
        changed = ItemDraft(fields.checked("item"), item.item_id)
        items = [changed if one is item else ItemDraft(one.fields, one.item_id) for one in plan.items]
        return plan.revised(plan.fields, items, now)


def _find(items: Sequence[ItemDraft], item_id: str) -> int | None:
    if item_id:
        for place, item in enumerate(items):
            if item.item_id == item_id:
                return place
    return None


def _require(plan_id: str, items: Sequence[ItemDraft], item_id: str) -> int:
    place = _find(items, item_id)
    if place is None:
        raise PlanItemNotFound(plan_id, item_id)
    return place
