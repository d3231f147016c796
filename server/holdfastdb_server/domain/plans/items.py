"""The items of plans and their dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import DependencyCycle, InvalidField, LimitExceeded, PlanItemNotFound
from holdfastdb_server.domain.ids import check_id, check_optional_id, new_id
from holdfastdb_server.domain.values import (
    JsonObject,
    Payload,
    check_count,
    check_metadata,
    check_optional_payload,
    check_text,
    check_unique,
    dump_json,
)


class ItemStatus(StrEnum):
    """The status of an item. The caller may change it from any status to any other."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def is_done(self) -> bool:
        """Whether items that depend on this one do not wait for it."""
        return self in (ItemStatus.COMPLETED, ItemStatus.SKIPPED)


class ItemFields(Struct, frozen=True):
    """The fields of an item that the caller sets."""

    description: str = ""
    acceptance_criteria: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    status: ItemStatus = ItemStatus.PENDING
    result: Payload | None = None
    metadata: JsonObject = field(default_factory=dict)

    def checked(self, path: str, *, is_whole: bool = True) -> ItemFields:
        """Return the fields, checked. Raises InvalidField, `is_whole` also for a missing one."""
        if is_whole and not self.description:
            raise InvalidField(f"{path}.description", "is required")
        check_text(f"{path}.description", self.description, limits.ITEM_DESCRIPTION_LENGTH)
        check_count(f"{path}.acceptance_criteria", self.acceptance_criteria, limits.ITEM_CRITERIA)
        for index, criterion in enumerate(self.acceptance_criteria):
            _check_criterion(f"{path}.acceptance_criteria[{index}]", criterion)
        check_count(f"{path}.depends_on", self.depends_on, limits.ITEM_DEPENDENCIES)
        for index, item_id in enumerate(self.depends_on):
            check_id(f"{path}.depends_on[{index}]", item_id)
        check_unique(self.depends_on, lambda index: f"{path}.depends_on[{index}]", "list")
        check_optional_payload(f"{path}.result", self.result)
        return replace(self, metadata=check_metadata(f"{path}.metadata", self.metadata))


class PlanItem(Struct, frozen=True):
    """An item as it is stored. Its position is its index in the plan's items, plus one."""

    item_id: str
    fields: ItemFields
    version: int
    update_time: datetime


class ItemDraft(Struct, frozen=True):
    """An item to store. Without an id it is a new one."""

    fields: ItemFields
    item_id: str = ""

    def checked(self, path: str) -> ItemDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_optional_id(f"{path}.item_id", self.item_id)
        return replace(self, fields=self.fields.checked(path))

    def made(self, known: PlanItem | None, now: datetime) -> PlanItem:
        """Return the item: a new one, the next version of `known`, or `known` if no field changes."""
        if known is None:
            return PlanItem(self.item_id or new_id(), self.fields, 1, now)
        if known.fields == self.fields:
            return known
        return PlanItem(known.item_id, self.fields, known.version + 1, now)


class Progress(Struct, frozen=True):
    """The numbers of items by status. `ready`: pending, and all that they depend on is done."""

    pending: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    ready: int = 0

    @property
    def total(self) -> int:
        """The number of items."""
        return self.pending + self.in_progress + self.completed + self.failed + self.skipped


def check_drafts(path: str, drafts: Sequence[ItemDraft]) -> tuple[ItemDraft, ...]:
    """Return the items of one plan, checked. Raises InvalidField."""
    checked = tuple(draft.checked(f"{path}[{index}]") for index, draft in enumerate(drafts))
    check_unique([draft.item_id for draft in checked], lambda index: f"{path}[{index}].item_id", "list")
    return checked


def ready_items(items: Sequence[PlanItem]) -> frozenset[str]:
    """Return the ids of the pending items whose dependencies are all done."""
    done = {item.item_id for item in items if item.fields.status.is_done}
    return frozenset(
        item.item_id
        for item in items
        if item.fields.status is ItemStatus.PENDING and done.issuperset(item.fields.depends_on)
    )


def progress_of(plan_id: str, items: Sequence[PlanItem]) -> Progress:
    """Return the progress of a plan with these items.

    Raises PlanItemNotFound, DependencyCycle and LimitExceeded if a plan cannot have these items.
    """
    if len(items) > limits.PLAN_ITEMS:
        raise LimitExceeded("the number of the plan's items", len(items), limits.PLAN_ITEMS)
    graph = {item.item_id: item.fields.depends_on for item in items}
    for dependencies in graph.values():
        for item_id in dependencies:
            if item_id not in graph:
                raise PlanItemNotFound(plan_id, item_id)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib lists each node before the one that depends on it, and the first again as the last.
        cycle = error.args[1][:0:-1]
        raise DependencyCycle(cycle, plan_id=plan_id, item_ids=dump_json(cycle)) from None
    counts = dict.fromkeys(ItemStatus, 0)
    for item in items:
        counts[item.fields.status] += 1
    return Progress(**{status.value: n for status, n in counts.items()}, ready=len(ready_items(items)))


def _check_criterion(field: str, text: str) -> None:
    if not text:
        raise InvalidField(field, "must not be empty")
    check_text(field, text, limits.ITEM_CRITERION_LENGTH)
