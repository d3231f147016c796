"""Which indexes lists of tasks, runs and approvals use in large tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import ApprovalFilter, ApprovalStatus
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping
from holdfastdb_server.domain.runs.run import RunStatus
from holdfastdb_server.domain.tasks.task import TaskFilter, TaskStatus
from holdfastdb_server.storage import schema
from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import ask
from tests.support.content import NAMESPACE, create
from tests.support.filled import START, FilledStore, filled_store, insert, plain_row
from tests.support.runs import start
from tests.support.tasks import add, claim

LARGE = {"tasks", "task_label_index", "runs", "run_label_index", "approvals", "approval_label_index"}
ROWS = 4_000
OPEN = 90
PAGE = PageRequest(20, descending=True)
FUTURE = START + timedelta(days=100 * 365)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def filled(request: pytest.FixtureRequest) -> AsyncIterator[FilledStore]:
    """Thousands of tasks, runs and approvals, a few of each of a session."""
    async with filled_store(request, fill, LARGE) as filled:
        yield filled


async def fill(store: SqlStore) -> None:
    await insert(store, schema.tasks, list(task_rows()))
    await insert(store, schema.runs, list(run_rows()))
    await insert(store, schema.approvals, list(approval_rows()))
    await create(store)
    for number in range(20):
        await add(store, f"own{number}", session_id="s")
        await start(store, f"own{number}", session_id="s")
        await ask(store, f"own{number}", session_id="s")


def rare(number: int, **values: Any) -> dict[str, Any]:
    """The values in one row of 400, nothing in the others."""
    return values if number % 400 == 1 else {}


def several(number: int, *columns: str) -> dict[str, str]:
    """A value in each of the columns that one row in 200 has."""
    return {column: f"{column} {number % 200}" for column in columns}


def task_rows() -> Iterator[dict[str, Any]]:
    plain = plain_row(schema.tasks) | {"status": TaskStatus.SUCCEEDED, "end_time": START, "max_attempts": 1}
    for number in range(ROWS):
        yield {
            **plain,
            "namespace": NAMESPACE if number % 4 else "other",
            "id": f"t{number}",
            "labels": {"team": str(number % 400)},
            "metadata": {"n": number % 400},
            "create_time": START + timedelta(minutes=number),
            "claim_time": None,
            "dedupe_digest": b"%d" % number,
            **several(number, "kind", "phase", "from_role", "to_role", "worker_id", "trace_id"),
            **rare(number, status=TaskStatus.CANCELLED),
        }
    # Two of three can be claimed.
    for number in range(OPEN):
        due = {"status": TaskStatus.PENDING, "claim_time": START}
        leased = {"status": TaskStatus.RUNNING, "lease_token": "l", "claim_time": FUTURE}
        yield {
            **dict.fromkeys(column.name for column in schema.tasks.columns if column.nullable),
            **plain,
            "namespace": NAMESPACE,
            "id": f"open{number}",
            "kind": f"open {number % 2}",
            "to_role": ("", "coder")[number % 2],
            "create_time": START - timedelta(minutes=number),
            "end_time": None,
            "lease_expire_time": FUTURE,
            **(leased if number % 3 == 2 else due),
        }


def run_rows() -> Iterator[dict[str, Any]]:
    plain = plain_row(schema.runs) | {"status": RunStatus.COMPLETED, "end_time": START}
    for number in range(ROWS):
        yield {
            **plain,
            "namespace": NAMESPACE if number % 4 else "other",
            "id": f"r{number}",
            "labels": {"team": str(number % 400)},
            "metadata": {"n": number % 400},
            "start_time": START + timedelta(minutes=number),
            **several(number, "kind", "agent_id", "task_id", "parent_id", "trace_id"),
            **rare(number, status=RunStatus.FAILED),
        }


def approval_rows() -> Iterator[dict[str, Any]]:
    plain = plain_row(schema.approvals) | {"status": ApprovalStatus.APPROVED, "expire_time": FUTURE}
    for number in range(ROWS):
        yield {
            **plain,
            "namespace": NAMESPACE if number % 4 else "other",
            "id": f"a{number}",
            "labels": {"team": str(number % 400)},
            "create_time": START + timedelta(minutes=number),
            "end_time": None if number % 400 == 1 else START,
            **several(number, "task_id", "run_id", "requested_by", "approver", "decided_by", "trace_id"),
            **rare(number, status=ApprovalStatus.PENDING),
        }
    nothing = dict.fromkeys(column.name for column in schema.approvals.columns if column.nullable)
    due = {"status": ApprovalStatus.PENDING, "expire_time": START, "labels": {}}
    yield {**nothing, **plain, "namespace": "other", "id": "due", **due}


FROM, UNTIL = START + timedelta(days=1), START + timedelta(days=1, minutes=30)
TASKS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, {"tasks_namespace_create_time_key_idx"}),
    "times": ({"created_from": FROM, "created_until": UNTIL}, {"tasks_namespace_create_time_key_idx"}),
    "status": ({"statuses": [TaskStatus.CANCELLED]}, {"tasks_namespace_status_create_time_key_idx"}),
    "kind": ({"kinds": ["kind 7"]}, {"tasks_namespace_kind_create_time_key_idx"}),
    "phase": ({"phase": "phase 7"}, {"tasks_phase_idx"}),
    "session": ({"session_id": "s"}, {"tasks_session_key_idx"}),
    "sender": ({"from_role": "from_role 7"}, {"tasks_from_role_idx"}),
    "receiver": ({"to_role": "to_role 7"}, {"tasks_to_role_idx"}),
    "worker": ({"worker_id": "worker_id 7"}, {"tasks_worker_id_idx"}),
    "dedupe key": ({"dedupe_key": "d"}, {"tasks_dedupe_digest_idx"}),
    "trace": ({"trace_id": "trace_id 7"}, {"tasks_trace_id_idx"}),
    "labels": ({"labels": {"team": "7"}}, {"tasks_labels_idx", "task_label_index_value_idx"}),
    "metadata": ({"metadata": {"n": 7}}, {"tasks_metadata_idx", "task_label_index_value_idx"}),
}
RUNS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, {"runs_namespace_start_time_key_idx"}),
    "times": ({"started_from": FROM, "started_until": UNTIL}, {"runs_namespace_start_time_key_idx"}),
    "status": ({"statuses": [RunStatus.FAILED]}, {"runs_namespace_status_start_time_key_idx"}),
    "kind": ({"kinds": ["kind 7"]}, {"runs_namespace_kind_start_time_key_idx"}),
    "agent": ({"agent_id": "agent_id 7"}, {"runs_agent_id_idx"}),
    "task": ({"task_id": "task_id 7"}, {"runs_task_id_idx"}),
    "parent": ({"parent_run_id": "parent_id 7"}, {"runs_parent_id_idx"}),
    "trace": ({"trace_id": "trace_id 7"}, {"runs_trace_id_idx"}),
    "session": ({"session_id": "s"}, {"runs_session_key_idx"}),
    "labels": ({"labels": {"team": "7"}}, {"runs_labels_idx", "run_label_index_value_idx"}),
    "metadata": ({"metadata": {"n": 7}}, {"runs_metadata_idx", "run_label_index_value_idx"}),
}
APPROVALS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, {"approvals_namespace_create_time_key_idx"}),
    "times": ({"created_from": FROM, "created_until": UNTIL}, {"approvals_namespace_create_time_key_idx"}),
    "status": ({"statuses": [ApprovalStatus.PENDING]}, {"approvals_namespace_status_create_time_key_idx"}),
    "task": ({"task_id": "task_id 7"}, {"approvals_task_id_idx"}),
    "run": ({"run_id": "run_id 7"}, {"approvals_run_id_idx"}),
    "asker": ({"requested_by": "requested_by 7"}, {"approvals_requested_by_idx"}),
    "approver": ({"approver": "approver 7"}, {"approvals_approver_idx"}),
    "decider": ({"decided_by": "decided_by 7"}, {"approvals_decided_by_idx"}),
    "trace": ({"trace_id": "trace_id 7"}, {"approvals_trace_id_idx"}),
    "session": ({"session_id": "s"}, {"approvals_session_key_idx"}),
    "labels": ({"labels": {"team": "7"}}, {"approvals_labels_idx", "approval_label_index_value_idx"}),
}


@pytest.mark.parametrize("name", TASKS)
async def test_each_filter_of_tasks_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = TASKS[name]
    call = filled.store.tasks.list(NAMESPACE, TaskFilter(**where).checked(), PAGE)
    assert await filled.check(call, rows=1_000) & wanted


@pytest.mark.parametrize("name", RUNS)
async def test_each_filter_of_runs_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = RUNS[name]
    call = filled.store.runs.list(NAMESPACE, RunFilter(**where).checked(), PAGE)
    assert await filled.check(call, rows=1_000) & wanted


@pytest.mark.parametrize("name", APPROVALS)
async def test_each_filter_of_approvals_is_answered_by_its_index(filled: FilledStore, name: str) -> None:
    where, wanted = APPROVALS[name]
    call = filled.store.approvals.list(NAMESPACE, ApprovalFilter(**where).checked(), PAGE)
    assert await filled.check(call, rows=1_000) & wanted


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"kinds": ("open 1",)},
        {"kinds": ("open 1", "open 0")},
        {"kinds": ("open 1",), "role": "coder"},
        {"kinds": ("nothing like it",)},
    ],
)
async def test_a_claim_looks_at_no_task_that_has_ended(filled: FilledStore, wanted: dict[str, Any]) -> None:
    call = claim(filled.store, **wanted)
    used = await filled.check(call, rows=OPEN) - {"tasks_pkey", "INTEGER PRIMARY KEY"}
    assert len(used) == 1
    assert used <= {"tasks_claim_idx", "tasks_claim_kind_idx"}


async def test_a_summary_of_a_time_reads_only_that_time(filled: FilledStore) -> None:
    where = RunFilter(started_from=FROM, started_until=UNTIL)
    used = await filled.check(filled.store.runs.summarize(NAMESPACE, where, [RunGrouping.AGENT], 0), rows=30)
    assert used
    # PostgreSQL 18 may skip through the one by kind as well.
    assert all("start_time" in index for index in used), used


async def test_approvals_whose_time_is_up_are_found_by_their_index(filled: FilledStore) -> None:
    store = filled.store
    used = await filled.check(store.approvals.expire(10), rows=10)
    assert used - {"approvals_pkey", "INTEGER PRIMARY KEY"} == {"approvals_expire_time_idx"}
    assert (await store.approvals.get("other", "due")).status is ApprovalStatus.EXPIRED
    assert await filled.check(store.approvals.expire(10), rows=1) == {"approvals_expire_time_idx"}
