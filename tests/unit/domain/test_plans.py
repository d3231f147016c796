"""Plans and their items at each change: versions, progress, events, and what may not be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import (
    DependencyCycle,
    LimitExceeded,
    PlanItemNotFound,
    VersionMismatch,
)
from holdfastdb_server.domain.events import Event
from holdfastdb_server.domain.plans.changes import ItemChange, MoveItem, PlanChange, PutItem, RemoveItem
from holdfastdb_server.domain.plans.items import (
    ItemDraft,
    ItemFields,
    ItemStatus,
    PlanItem,
    Progress,
    progress_of,
    ready_items,
)
from holdfastdb_server.domain.plans.plan import (
    Plan,
    PlanDraft,
    PlanFields,
    PlanFilter,
    PlanStatus,
    check_plan_size,
)
from holdfastdb_server.domain.values import Payload
from tests.support.plans import item, plan_draft
from tests.support.refusals import refused
from tests.support.sameness import same

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
LARGEST = 3 * 1024 * 1024


def plan(*items: ItemDraft | str, **fields: Any) -> Plan:
    return plan_draft("p", *items, session_id="s", **fields).made(NOON)


def test_a_new_plan_and_its_items_are_of_version_1() -> None:
    made = plan("a", item("b", depends_on=("a",)), title="t")
    items = tuple(PlanItem(one.item_id, one.fields, 1, NOON) for one in made.items)
    progress = Progress(pending=2, ready=1)
    assert made == Plan("p", "s", PlanFields("t"), items, progress, 1, NOON, NOON)
    assert len({one.item_id for one in plan("", "", "").items}) == 3


def test_a_change_makes_the_next_version_of_what_it_changes() -> None:
    before = plan("a", "b", title="t")
    edits = [PutItem(item("b", "new")), PutItem(item("c"))]
    after = PlanChange(PlanFields("u"), frozenset({"title"}), edits=edits).checked().apply(before, LATER)
    assert after == Plan(
        "p",
        "s",
        PlanFields("u"),
        (
            before.items[0],
            PlanItem("b", ItemFields("new"), 2, LATER),
            PlanItem("c", ItemFields("do it"), 1, LATER),
        ),
        Progress(pending=3, ready=3),
        2,
        NOON,
        LATER,
    )
    assert PlanChange(PlanFields("u"), frozenset()).apply(before, LATER) is before


def test_labels_and_metadata_are_merged_only_when_it_is_asked_for() -> None:
    before = plan(item("a", metadata={"x": 1}), labels={"k": "v"}, metadata={"x": 1})
    new = PlanFields(labels={"l": "w"}, metadata={"y": 2})
    assert PlanChange(new, frozenset()).apply(before, LATER) is before
    merged = PlanChange(new, frozenset(), merges=True).apply(before, LATER).fields
    assert (merged.labels, merged.metadata) == ({"k": "v", "l": "w"}, {"x": 1, "y": 2})
    of_item = ItemFields(metadata={"y": 2})
    assert ItemChange("a", of_item, frozenset()).apply(before, LATER, None) is before
    one = ItemChange("a", of_item, frozenset(), merges=True).apply(before, LATER, 1).item("a")
    assert (one.fields.metadata, one.version) == ({"x": 1, "y": 2}, 2)
    full = plan(labels={f"k{number}": "v" for number in range(64)})
    refused("plan.labels", PlanChange(new, frozenset(), merges=True).apply, full, LATER)


@pytest.mark.parametrize("expected", [0, 2])
def test_an_item_has_a_version_of_its_own(expected: int) -> None:
    change = ItemChange("a", ItemFields("new"), frozenset({"description"})).checked()
    assert change.apply(plan("a", "b"), LATER, 1).item("b").version == 1
    with pytest.raises(VersionMismatch) as refusal:
        change.apply(plan("a", "b"), LATER, expected)
    assert refusal.value.metadata["expected"] == str(expected)
    with pytest.raises(PlanItemNotFound):
        change.apply(plan("b"), LATER, None)


def test_progress_counts_items_by_status() -> None:
    statuses = [ItemStatus.IN_PROGRESS] * 2 + [ItemStatus.COMPLETED] * 3 + [ItemStatus.FAILED] * 4
    statuses += [ItemStatus.SKIPPED] * 5 + [ItemStatus.PENDING] * 6
    made = plan(*(item(str(n), status=status) for n, status in enumerate(statuses)))
    assert made.progress == Progress(6, 2, 3, 4, 5, ready=6)
    assert made.progress.total == 20
    assert plan().progress == Progress() == Progress(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("status", ItemStatus)
def test_what_is_pending_is_ready_when_all_that_it_depends_on_is_done(status: ItemStatus) -> None:
    is_done = status in (ItemStatus.COMPLETED, ItemStatus.SKIPPED)
    made = plan(
        item("a", status=status),
        item("b", status=ItemStatus.COMPLETED),
        item("one", depends_on=("b",)),
        item("both", depends_on=("a", "b")),
        item("begun", depends_on=("b",), status=ItemStatus.IN_PROGRESS),
    )
    wanted = {"one"} | ({"both"} if is_done else set()) | ({"a"} if status is ItemStatus.PENDING else set())
    assert ready_items(made.items) == wanted


def test_dependencies_lead_to_items_and_in_no_circle() -> None:
    with pytest.raises(PlanItemNotFound) as absent:
        plan("a", item("b", depends_on=("a", "x")))
    assert absent.value.metadata == {"plan_id": "p", "item_id": "x"}
    with pytest.raises(DependencyCycle) as circle:
        plan(item("a", depends_on=("b",)), item("b", depends_on=("c",)), item("c", depends_on=("a",)), "d")
    cycle = json.loads(circle.value.metadata["item_ids"])
    # Each depends on the next one, wherever the circle is entered.
    assert cycle in (["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"])
    assert str(circle.value).endswith(" -> ".join(f"'{name}'" for name in (*cycle, cycle[0])))
    with pytest.raises(DependencyCycle):
        plan(item("a", depends_on=("a",)))


def test_a_plan_has_at_most_1000_items_and_three_mebibytes() -> None:
    items = [PlanItem(str(number), ItemFields("x"), 1, NOON) for number in range(1_001)]
    assert progress_of("p", items[:-1]).total == 1_000
    with pytest.raises(LimitExceeded):
        progress_of("p", items)
    check_plan_size(LARGEST)
    with pytest.raises(LimitExceeded):
        check_plan_size(LARGEST + 1)


def test_each_status_that_differs_has_an_event() -> None:
    before = plan(item("a"), item("b"), item("c", status=ItemStatus.FAILED))
    after = replace(before, fields=PlanFields(status=PlanStatus.ACTIVE))
    changed = ItemChange("b", ItemFields(status=ItemStatus.SKIPPED), frozenset({"status"}))
    after = changed.apply(after, LATER, None)
    after = PlanChange(PlanFields(), frozenset(), edits=[PutItem(item("d"))]).apply(after, LATER)
    of_plan, of_item = after.events(before, "me")
    assert of_plan == Event("", "holdfast.plan.active", "me", body=of_plan.body, labels={"plan_id": "p"})
    assert of_item == Event(
        "",
        "holdfast.plan_item.skipped",
        "me",
        body=of_item.body,
        labels={"plan_id": "p", "item_id": "b"},
    )
    bodies = [event.body.json for event in (of_plan, of_item) if isinstance(event.body, Payload)]
    assert bodies == ['{"from":"PENDING","to":"ACTIVE"}', '{"from":"PENDING","to":"SKIPPED"}']
    assert after.events(after) == []
    (first,) = before.events(None)
    assert (first.type, first.body, first.actor) == (
        "holdfast.plan.pending",
        Payload(json='{"to":"PENDING"}'),
        "",
    )


def test_edits_are_checked_by_their_places() -> None:
    def change(*edits: PutItem | RemoveItem | MoveItem, **fields: Any) -> Any:
        return PlanChange(PlanFields(), **{"replaced": frozenset(), **fields}, edits=edits).checked

    assert change(PutItem(item("a")), PutItem(item("b"), 0), MoveItem("a", 1), RemoveItem("a"))()
    put = PutItem(item("a", metadata={"n": 1.0}))
    assert same(change(put)().edits, [PutItem(item("a", metadata={"n": 1}))])
    of_plan = PlanChange(PlanFields(metadata={"n": 1.0}), frozenset()).checked()
    assert same(of_plan.fields.metadata, {"n": 1})
    refused("plan.title", PlanChange(PlanFields("\0"), frozenset()).checked)
    refused("edits[1].position", change(put, PutItem(item("a"), -1)))
    refused("edits[0].position", change(MoveItem("a", 0)))
    refused("edits[0].move", change(MoveItem("", 1)))
    refused("edits[0].remove", change(RemoveItem("")))
    refused("edits[0].put.description", change(PutItem(item("a", ""))))
    refused("edits[0].put.item_id", change(PutItem(item("\0"))))
    refused("edits", change(*[put] * 1_001))
    refused("edits", change(put, replaced=frozenset({"items"})))
    refused("actor", change(actor="\0"))
    items = [item("a", metadata={"n": 1.0})]
    replaced = PlanChange(PlanFields(), frozenset({"items"}), items=items).checked()
    assert same(replaced.items, (item("a", metadata={"n": 1}),))
    refused("plan.items[1].item_id", PlanChange(PlanFields(), frozenset(), items=[*items, *items]).checked)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("description", {"description": ""}),
        ("description", {"description": "x" * 16_001}),
        ("acceptance_criteria", {"acceptance_criteria": ("x",) * 101}),
        ("acceptance_criteria[1]", {"acceptance_criteria": ("x", "")}),
        ("acceptance_criteria[0]", {"acceptance_criteria": ("x" * 4_001,)}),
        ("depends_on", {"depends_on": tuple(map(str, range(101)))}),
        ("depends_on[0]", {"depends_on": ("",)}),
        ("depends_on[1]", {"depends_on": ("a", "a")}),
        ("result", {"result": Payload()}),
        ("metadata", {"metadata": {"\0": 1}}),
    ],
)
def test_an_item_out_of_bounds_is_refused_by_its_place(field: str, fields: dict[str, Any]) -> None:
    drafts = [item("a"), item("b", **fields)]
    refused(f"plan.items[1].{field}", PlanDraft("p", items=drafts).checked)
    names = frozenset(fields)
    refused(f"item.{field}", ItemChange("b", drafts[1].fields, names).checked)


def test_an_item_s_change_needs_a_description_only_to_replace_it() -> None:
    change = ItemChange("a", ItemFields(metadata={"n": 1.0}), frozenset({"metadata"})).checked()
    assert same(change.fields, ItemFields(metadata={"n": 1}))
    refused("item.item_id", ItemChange("", ItemFields("x"), frozenset()).checked)
    refused("actor", ItemChange("a", ItemFields("x"), frozenset(), actor="\0").checked)
    refused("item.description", ItemFields().checked, "item")


def test_drafts_and_filters_are_checked_and_normalized() -> None:
    draft = PlanDraft("p", fields=PlanFields(metadata={"n": 1.0}), items=[item(metadata={"n": 2.0})])
    normal = PlanDraft("p", "", PlanFields(metadata={"n": 1}), (item(metadata={"n": 2}),))
    assert same(draft.checked(), normal)
    refused("plan.plan_id", PlanDraft("").checked)
    refused("plan.session_id", PlanDraft("p", "\0").checked)
    refused("plan.title", PlanDraft("p", fields=PlanFields("\0")).checked)
    refused("metadata.k", PlanFilter(metadata={"k": {}}).checked)  # type: ignore[dict-item]
    refused("session_id", PlanFilter(session_id="\0").checked)
    assert draft.fingerprint() == replace(draft, plan_id="other").fingerprint()
