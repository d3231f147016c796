"""Runs for tests to store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.runs.run import (
    Run,
    RunChange,
    RunDraft,
    RunEnd,
    RunResults,
    RunStatus,
    TokenUsage,
)
from holdfastdb_server.domain.values import Payload
from tests.support.changes import mask_of
from tests.support.content import NAMESPACE

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_RESULTS = ("output", "error", "usage", "labels", "metadata")

# The fields of a run, none of them empty.
FULL: dict[str, Any] = {
    "parent_run_id": "not recorded",
    "task_id": "task-7",
    "agent_id": "planner",
    "kind": "scan",
    "trace_id": "trace",
    "input": Payload(json='{"b": 1, "a": 9007199254740993, "nul": "\\u0000", "🦑": 1.50}'),
    "start_time": NOON,
    "output": Payload(data=b"\x00\xff", media_type="image/png"),
    "error": "none\nyet ☃",
    "usage": TokenUsage(1, 2, 3, 4, 5),
    "labels": {"env": "prod", "ключ": "значение"},
    "metadata": {"count": 3, "deep": {"list": [1, None, True, "x"]}, "none": None},
}


def run_draft(run_id: str = "r", **fields: Any) -> RunDraft:
    """Return a checked draft. `fields` are those of RunDraft and RunResults."""
    results = RunResults(**{name: fields.pop(name) for name in _RESULTS if name in fields})
    return RunDraft(run_id, results=results, **fields).checked()


async def start(store: Store, run_id: str = "r", *, namespace: str = NAMESPACE, **fields: Any) -> Run:
    """Start a run."""
    return await store.runs.start(namespace, run_draft(run_id, **fields))


async def update(
    store: Store,
    run_id: str = "r",
    *,
    replaced: set[str] | None = None,
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Run:
    """Change a run. `fields` are those of RunResults, and `is_running`."""
    is_running = fields.pop("is_running", False)
    change = RunChange(RunResults(**fields), *mask_of(fields, replaced), is_running).checked()
    return await store.runs.update(NAMESPACE, run_id, change, expected, request_id)


async def finish(
    store: Store,
    run_id: str = "r",
    status: RunStatus = RunStatus.COMPLETED,
    *,
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Run:
    """End a run. `fields` are those of RunEnd."""
    return await store.runs.finish(
        NAMESPACE, run_id, RunEnd(status, **fields).checked(), expected, request_id
    )


async def bring(store: Store, status: RunStatus, run_id: str = "r") -> Run:
    """Move a new run to a status."""
    if status is RunStatus.STARTED:
        return await store.runs.get(NAMESPACE, run_id)
    if status is RunStatus.RUNNING:
        return await update(store, run_id, is_running=True)
    return await finish(store, run_id, status)


async def take(store: Store, run_id: str, seconds: float | None, **fields: Any) -> Run:
    """Start a run at noon that takes so many seconds; None: it goes on."""
    end = fields.pop("end", RunStatus.COMPLETED)
    fields.setdefault("start_time", NOON)
    run = await start(store, run_id, **fields)
    if seconds is None:
        return run
    return await finish(store, run_id, end, end_time=run.start_time + timedelta(seconds=seconds))


def text(value: str) -> Payload:
    """Return a payload of JSON."""
    return Payload(json=value)
