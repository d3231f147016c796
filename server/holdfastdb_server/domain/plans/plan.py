"""Plans: to-do lists whose items can depend on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import LimitExceeded, PlanItemNotFound
from holdfastdb_server.domain.events import Event, status_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.plans.items import ItemDraft, PlanItem, Progress, check_drafts, progress_of
from holdfastdb_server.domain.values import (
    JsonObject,
    JsonScalar,
    check_filter,
    check_searchable,
    check_text,
)


class PlanStatus(StrEnum):
    """The status of a plan. The caller may change it from any status to any other."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PlanFields(Struct, frozen=True):
    """The fields of a plan that the caller sets, without its items."""

    title: str = ""
    status: PlanStatus = PlanStatus.PENDING
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)

    def checked(self) -> PlanFields:
        """Return the fields, checked and normalized. Raises InvalidField."""
        check_text("plan.title", self.title, limits.TITLE_LENGTH)
        return check_searchable("plan.", self)


class Plan(Struct, frozen=True):
    """A plan as it is stored. Times are aware, in UTC. Without items if they were not loaded."""

    plan_id: str
    session_id: str
    fields: PlanFields
    items: tuple[PlanItem, ...]
    progress: Progress
    version: int
    create_time: datetime
    update_time: datetime

    def item(self, item_id: str) -> PlanItem:
        """Return one item. Raises PlanItemNotFound."""
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise PlanItemNotFound(self.plan_id, item_id)

    def revised(self, fields: PlanFields, drafts: Sequence[ItemDraft], now: datetime) -> Plan:
        """Return the plan with these fields and items, or itself if it has them already.

        Raises PlanItemNotFound, DependencyCycle, LimitExceeded.
        """
        known = {item.item_id: item for item in self.items}
        items = tuple(draft.made(known.get(draft.item_id), now) for draft in drafts)
        if fields == self.fields and items == self.items:
            return self
        progress = progress_of(self.plan_id, items)
        version = self.version + 1
        return replace(self, fields=fields, items=items, progress=progress, version=version, update_time=now)

    def events(self, before: Plan | None, actor: str = "") -> list[Event]:
        """Return an event for each status that differs from `before`. None: the plan is new."""
        events = []
        if before is None or before.fields.status is not self.fields.status:
            was = None if before is None else before.fields.status
            labels = {"plan_id": self.plan_id}
            event = status_event("plan", was, self.fields.status, actor)
            events.append(replace(event, labels=labels))
        known = {} if before is None else {item.item_id: item.fields.status for item in before.items}
        for item in self.items:
            status = known.get(item.item_id)
            if status is not None and status is not item.fields.status:
                labels = {"plan_id": self.plan_id, "item_id": item.item_id}
                event = status_event("plan_item", status, item.fields.status, actor)
                events.append(replace(event, labels=labels))
        return events


class PlanDraft(Struct, frozen=True):
    """A plan to create. `plan_id` is set: the caller's, or a new one."""

    plan_id: str
    session_id: str = ""
    fields: PlanFields = PlanFields()
    items: Sequence[ItemDraft] = ()

    def checked(self) -> PlanDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_id("plan.plan_id", self.plan_id)
        check_optional_id("plan.session_id", self.session_id)
        return replace(self, fields=self.fields.checked(), items=check_drafts("plan.items", self.items))

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the draft without its id."""
        return fingerprint_of(self.session_id, self.fields, self.items)

    def made(self, now: datetime) -> Plan:
        """Return the plan. Raises PlanItemNotFound, DependencyCycle, LimitExceeded."""
        items = tuple(item.made(None, now) for item in self.items)
        progress = progress_of(self.plan_id, items)
        return Plan(self.plan_id, self.session_id, self.fields, items, progress, 1, now, now)


class PlanFilter(Struct, frozen=True):
    """A condition on plans: all that is given must match. Times are aware; `…_until` is exclusive."""

    statuses: Sequence[PlanStatus] = ()
    session_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None

    def checked(self) -> PlanFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_optional_id("session_id", self.session_id)
        return check_filter("", self)


def check_plan_size(size: int) -> None:
    """Raise LimitExceeded if a plan has more than PLAN_BYTES bytes."""
    if size > limits.PLAN_BYTES:
        raise LimitExceeded("the bytes of the plan", size, limits.PLAN_BYTES)
