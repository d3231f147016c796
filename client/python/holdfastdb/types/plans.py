"""What the calls for plans take and return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from holdfastdb.types.payloads import Payload


class PlanStatus(StrEnum):
    """The status of a plan. Any may become any other."""

    PENDING = "pending"
    """Made, not begun."""
    ACTIVE = "active"
    """Being carried out."""
    COMPLETED = "completed"
    """Carried out."""
    FAILED = "failed"
    """Could not be carried out."""
    CANCELLED = "cancelled"
    """Given up."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""


class PlanItemStatus(StrEnum):
    """The status of an item. Any may become any other."""

    PENDING = "pending"
    """To be done."""
    IN_PROGRESS = "in_progress"
    """Being done."""
    COMPLETED = "completed"
    """Done."""
    FAILED = "failed"
    """Could not be done."""
    SKIPPED = "skipped"
    """Need not be done any more."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""


@dataclass(frozen=True, slots=True)
class NewPlanItem:
    """An item to add to a plan, or to replace one with."""

    description: str
    item_id: str = field(default="", kw_only=True)
    """Unique in the plan. Empty: the server makes one."""
    acceptance_criteria: Iterable[str] = field(default=(), kw_only=True)
    """How to tell that it is done."""
    depends_on: Iterable[str] = field(default=(), kw_only=True)
    """The ids of the items that must be completed or skipped before it."""
    status: PlanItemStatus = field(default=PlanItemStatus.PENDING, kw_only=True)
    result: object = field(default=None, kw_only=True)
    """Any JSON value, bytes, `Json` or `Data`; None: no result."""
    metadata: Mapping[str, object] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class PutItem:
    """An edit that adds the item, or replaces the item with the same id."""

    item: NewPlanItem | str
    position: int = 0
    """Its new position, from 1. 0: a new item is added at the end, a replaced item stays at its position."""


@dataclass(frozen=True, slots=True)
class RemoveItem:
    """An edit: removes the item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class MoveItem:
    """An edit: moves the item to a position, from 1."""

    item_id: str
    position: int


PlanEdit: TypeAlias = PutItem | RemoveItem | MoveItem
"""One change of a plan's items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One thing to do."""

    item_id: str
    position: int
    """Its place in the plan, from 1."""
    description: str
    acceptance_criteria: tuple[str, ...]
    depends_on: tuple[str, ...]
    """The ids of the items that must be completed or skipped before it."""
    status: PlanItemStatus
    result: Payload | None
    """What came of it: `item.result.value`."""
    metadata: Mapping[str, Any]
    """Free data; numbers are floats."""
    version: int
    """Rises by one with each change of the item, from 1."""
    ready: bool
    """Whether it can be taken up: it is pending, and all that it depends on is completed or skipped."""
    update_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProgress:
    """How many of a plan's items have which status."""

    total: int
    pending: int
    in_progress: int
    completed: int
    failed: int
    skipped: int
    ready: int
    """Of the pending ones: those that can be taken up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A to-do list."""

    plan_id: str
    session_id: str
    """The session that it belongs to, and with which it is deleted; may be empty."""
    title: str
    status: PlanStatus
    items: tuple[PlanItem, ...]
    """In order; empty where the list was asked to leave them out."""
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    version: int
    """Rises by one with each change of the plan or of one of its items, from 1."""
    progress: PlanProgress
    create_time: datetime
    update_time: datetime

    def item(self, item_id: str) -> PlanItem:
        """The item with this id. Raises KeyError."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise KeyError(item_id)


@dataclass(frozen=True, slots=True)
class UpdatedItem:
    """An item after a change, and the plan's progress with it."""

    item: PlanItem
    progress: PlanProgress
    plan_version: int
