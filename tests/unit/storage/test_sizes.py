"""The sizes by which pages are bounded grow with each part of a resource that may be large."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import Approval, ApprovalRequest, Decision
from holdfastdb_server.domain.documents.document import DocumentDraft, DocumentFields, DocumentKey
from holdfastdb_server.domain.memories import MemoryFields
from holdfastdb_server.domain.plans.items import ItemFields, PlanItem, Progress
from holdfastdb_server.domain.plans.plan import Plan, PlanFields
from holdfastdb_server.domain.runs.run import RunDraft, RunResults
from holdfastdb_server.domain.tasks.task import TaskDraft, TaskFields
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.approvals.rows import decision_values
from holdfastdb_server.storage.documents.rows import fields_values
from holdfastdb_server.storage.memories.rows import field_values
from holdfastdb_server.storage.plans.rows import plan_size
from holdfastdb_server.storage.runs import rows as runs
from holdfastdb_server.storage.runs.store import _started
from holdfastdb_server.storage.tasks import rows as tasks

LENGTH = 10_000
TEXT = "x" * LENGTH
PAYLOAD = Payload(data=bytes(LENGTH))
NOW = datetime.now(UTC)


def _task(**fields: Any) -> Any:
    draft = TaskDraft("t", "kind", fields=TaskFields(**fields))
    return tasks.changing_values(tasks.new_task(draft, NOW))["size"]


def _run(**fields: Any) -> Any:
    results = RunResults(**{name: value for name, value in fields.items() if name != "input"})
    draft = RunDraft("r", input=fields.get("input"), results=results)
    return runs.changing_values(_started(draft, NOW))["size"]


def _asked(**fields: Any) -> Any:
    return decision_values(Approval(ApprovalRequest("a", **fields), Decision(), NOW, None))["size"]


def _decided(**fields: Any) -> Any:
    return decision_values(Approval(ApprovalRequest("a"), Decision(**fields), NOW, None))["size"]


def _plan(session_id: str = "", **fields: Any) -> int:
    return plan_size(Plan("p", session_id, PlanFields(**fields), (), Progress(), 1, NOW, NOW))


def _planned(**fields: Any) -> int:
    items = tuple(PlanItem(name, ItemFields(**fields), 1, NOW) for name in ("a", "b"))
    return plan_size(Plan("p", "s", PlanFields(), items, Progress(), 1, NOW, NOW)) // 2


def _document(collection: str = "c", document_id: str = "d", parent_id: str = "p", **fields: Any) -> Any:
    parent = DocumentKey("c", parent_id) if parent_id else None
    content = fields.pop("content", Payload(data=b""))
    draft = DocumentDraft(DocumentKey(collection, document_id), DocumentFields(content, parent, **fields))
    return fields_values(draft, b"")["size"]


def _memory(memory_id: str = "m", **fields: Any) -> Any:
    return field_values(memory_id, MemoryFields(**fields))["size"]


LABELS: dict[str, Any] = {"labels": {"l": TEXT}}
METADATA: dict[str, Any] = {"metadata": {"m": TEXT}}
PARTS: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (_task, {"error": TEXT, "payload": PAYLOAD, "result": PAYLOAD} | LABELS | METADATA),
    (_run, {"error": TEXT, "input": PAYLOAD, "output": PAYLOAD} | LABELS | METADATA),
    (_asked, {"title": TEXT, "payload": PAYLOAD} | LABELS),
    (_decided, {"reason": TEXT, "response": PAYLOAD}),
    (_plan, {"session_id": TEXT, "title": TEXT} | LABELS | METADATA),
    (_planned, {"description": TEXT, "depends_on": (TEXT,), "result": PAYLOAD} | METADATA),
    (_document, dict.fromkeys(("collection", "document_id", "parent_id"), TEXT + "x")),
    (_document, {"content": PAYLOAD} | LABELS | METADATA),
    (_memory, dict.fromkeys(("context", "lesson", "tool_name", "agent_id"), TEXT)),
    (_memory, {"memory_id": TEXT + "x", "user_id": TEXT, "session_id": TEXT} | LABELS | METADATA),
    # Two bytes of each are its tag and its length.
    (_planned, {"acceptance_criteria": ("x" * 98,) * (LENGTH // 100)}),
]


@pytest.mark.parametrize(
    ("size", "part", "value"), [(size, *part) for size, parts in PARTS for part in parts.items()]
)
def test_each_part_counts_with_its_bytes(size: Callable[..., int], part: str, value: object) -> None:
    grown = size(**{part: value}) - size()
    assert LENGTH <= grown < LENGTH + 500


def test_a_document_without_a_parent_is_smaller_by_the_name_of_one() -> None:
    assert _document() - _document(parent_id="") == len("c/p")
