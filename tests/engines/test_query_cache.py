"""The query of a list is built once a shape: which fields a filter has, not which values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.approvals import ApprovalFilter, ApprovalStatus
from holdfastdb_server.domain.documents.document import DocumentKey
from holdfastdb_server.domain.documents.filters import (
    CollectionFilter,
    ContentOperator,
    DocumentFilter,
    content_filter,
)
from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.domain.memories import MemoryFilter, MemorySearch
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.plans.plan import PlanFilter
from holdfastdb_server.domain.runs.reports import RunFilter
from holdfastdb_server.domain.runs.run import RunStatus
from holdfastdb_server.domain.sessions import SessionFilter, SessionStatus
from holdfastdb_server.domain.states import StateFilter
from holdfastdb_server.domain.tasks.moves import Claim
from holdfastdb_server.domain.tasks.task import TaskFilter, TaskStatus
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, create
from tests.support.filled import START

PAGE = PageRequest(5, descending=True, with_total=True)
FURTHER = 50

Call = Callable[[SqlStore, int], Awaitable[Any]]


def times(number: int, first: str, last: str) -> dict[str, Any]:
    start = START + timedelta(minutes=number)
    return {first: start, last: start + timedelta(days=1)}


def named(number: int, *fields: str) -> dict[str, Any]:
    return {field: f"{field} {number}" for field in fields}


CREATED = ("created_from", "created_until")
CALLS: dict[str, Call] = {
    "sessions": lambda store, n: store.sessions.list(
        NAMESPACE,
        SessionFilter(
            statuses=list(SessionStatus)[: 1 + n % 3],
            labels={f"l{n}": "x"},
            metadata={f"m{n}": n},
            **named(n, "user_id", "agent_id", "parent_session_id", "task_id"),
            **times(n, *CREATED),
        ),
        PAGE,
    ),
    "tasks": lambda store, n: store.tasks.list(
        NAMESPACE,
        TaskFilter(
            statuses=[TaskStatus.PENDING, *[TaskStatus.CANCELLED] * (n % 2)],
            kinds=[f"k{one}" for one in range(1 + n % 5)],
            labels={f"l{n}": "x"},
            metadata={f"m{n}": None},
            **named(n, "phase", "session_id", "from_role", "to_role", "worker_id", "dedupe_key", "trace_id"),
            **times(n, *CREATED),
        ),
        PAGE,
    ),
    "claims": lambda store, n: store.tasks.claim(
        NAMESPACE, Claim("w", kinds=[f"k{n}"], labels={f"l{n}": "x"}, **named(n, "role", "session_id"))
    ),
    "runs": lambda store, n: store.runs.list(
        NAMESPACE,
        RunFilter(
            statuses=list(RunStatus)[: 1 + n % 4],
            kinds=[f"k{n}"],
            labels={f"l{n}": "x"},
            metadata={f"m{n}": "x"},
            **named(n, "agent_id", "session_id", "task_id", "parent_run_id", "trace_id"),
            **times(n, "started_from", "started_until"),
        ),
        PAGE,
    ),
    "approvals": lambda store, n: store.approvals.list(
        NAMESPACE,
        ApprovalFilter(
            statuses=[ApprovalStatus.PENDING, *[ApprovalStatus.REJECTED] * (n % 2)],
            labels={f"l{n}": "x"},
            **named(n, "session_id", "task_id", "run_id", "requested_by", "approver", "decided_by"),
            **times(n, *CREATED),
        ),
        PAGE,
    ),
    "plans": lambda store, n: store.plans.list(
        NAMESPACE,
        PlanFilter(session_id=f"s{n}", labels={f"l{n}": "x"}, metadata={f"m{n}": 1.5}, **times(n, *CREATED)),
        PAGE,
    ),
    "documents": lambda store, n: store.documents.list(
        NAMESPACE,
        DocumentFilter(
            collection=f"a/{n}",
            collection_prefix="a",
            parent=DocumentKey("a", f"d{n}"),
            content=[content_filter("f.", f"/n{n}", ContentOperator.GREATER, str(n))],
            labels={f"l{n}": "x"},
            **times(n, "updated_from", "updated_until"),
        ),
        PAGE,
    ),
    "document search": lambda store, n: store.documents.search(
        NAMESPACE, DocumentFilter(words=(f"word{n}",), collection=f"a/{n}"), PAGE
    ),
    "collections": lambda store, n: store.documents.list_collections(
        NAMESPACE, CollectionFilter(prefix=f"a{n}", suffix=f"b{n}", max_depth=1 + n), PAGE
    ),
    "memories": lambda store, n: store.memories.list(
        NAMESPACE,
        MemoryFilter(
            min_confidence=(n + 1) / 100,
            labels={f"l{n}": "x"},
            **named(n, "tool_name", "agent_id", "user_id", "session_id"),
            **times(n, *CREATED),
        ),
        PAGE,
    ),
    "memory search": lambda store, n: store.memories.search(
        NAMESPACE, MemorySearch((f"word{n}",), where=MemoryFilter(agent_id=f"a{n}")), PAGE
    ),
    "states": lambda store, n: store.states.list(
        NAMESPACE,
        "s",
        StateFilter(metadata={f"m{n}": n}, **named(n, "key_prefix", "key_after", "key_before", "run_id")),
        PAGE,
    ),
    "events": lambda store, n: store.events.list(
        NAMESPACE,
        "s",
        EventFilter(
            types=[f"a{n}.*", f"b{n}"],
            labels={f"l{n}": "x"},
            **named(n, "actor", "run_id", "task_id", "trace_id"),
            **times(n, "happened_from", "happened_until"),
        ),
        PAGE,
    ),
    "events of a trace": lambda store, n: store.events.list_trace(
        NAMESPACE, EventFilter(trace_id=f"t{n}"), PAGE
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_other_values_of_the_same_fields_build_no_query(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await create(store, "s")
    call = CALLS[name]
    for number in range(2):  # more values of a list than one
        await call(store, number)
    used, built = [], []
    get = Queries.get

    def noted(queries: Queries[Any], shape: Any, build: Callable[[], Any]) -> Any:
        def build_noted() -> Any:
            built.append(shape)
            return build()

        used.append(shape)
        return get(queries, shape, build_noted)

    monkeypatch.setattr(Queries, "get", noted)
    for number in range(2, 2 + FURTHER):
        await call(store, number)
    assert len(used) >= FURTHER
    assert built == []
