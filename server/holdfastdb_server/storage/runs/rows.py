"""Between rows and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict, fields

from holdfastdb_server.domain.runs.reports import RunFilter
from holdfastdb_server.domain.runs.run import Run, RunResults, RunStatus, TokenUsage
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import owned_by
from holdfastdb_server.storage.query.payloads import payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import runs

TOKENS = tuple(field.name for field in fields(TokenUsage))
"""The columns of a run's usage."""


def fixed_values(run: Run) -> dict[str, Any]:
    """Return the columns of what never changes, but those of its session."""
    return {
        "id": run.run_id,
        "parent_id": run.parent_run_id or None,
        "task_id": run.task_id or None,
        "agent_id": run.agent_id or None,
        "kind": run.kind,
        "trace_id": run.trace_id or None,
        "start_time": run.start_time,
        "create_time": run.create_time,
        **payload_values("input", run.input),
    }


def changing_values(run: Run) -> dict[str, Any]:
    """Return the columns of what changes."""
    results = run.results
    return {
        "status": run.status,
        "error": results.error,
        "labels": dict(results.labels),
        "metadata": results.metadata,
        "size": _size(run) + payload_bytes(run.input) + payload_bytes(results.output),
        "version": run.version,
        "end_time": run.end_time,
        "update_time": run.update_time,
        **payload_values("output", results.output),
        **asdict(results.usage),
    }


def run_of(row: Any) -> Run:
    """Return the run in a whole row of `runs`."""
    return Run(
        run_id=row.id,
        session_id=row.session_id or "",
        parent_run_id=row.parent_id or "",
        task_id=row.task_id or "",
        agent_id=row.agent_id or "",
        kind=row.kind,
        trace_id=row.trace_id or "",
        input=payload_of(row, "input"),
        status=RunStatus(row.status),
        results=RunResults(
            output=payload_of(row, "output"),
            error=row.error,
            usage=usage_of(row),
            labels=row.labels,
            metadata=row.metadata,
        ),
        version=row.version,
        start_time=row.start_time,
        end_time=row.end_time,
        create_time=row.create_time,
        update_time=row.update_time,
    )


def usage_of(row: Any) -> TokenUsage:
    """Return the usage in a row."""
    return TokenUsage(*(getattr(row, name) for name in TOKENS))


def head_size(row: Any) -> int:
    """Return about how many bytes the run in a row has on the wire without its payloads."""
    return _size(run_of(row))


def _size(run: Run) -> int:
    texts = (
        run.run_id,
        run.session_id,
        run.parent_run_id,
        run.task_id,
        run.agent_id,
        run.kind,
        run.trace_id,
        run.results.error,
    )
    searched = searchable_size(run.results.labels) + searchable_size(run.results.metadata)
    return OVERHEAD + sum(map(utf8_size, texts)) + searched


def run_conditions(dialect: Dialect, namespace: str, where: RunFilter) -> Sequence[sa.ColumnElement[bool]]:
    """Return the conditions that a run must meet, all of them."""
    conditions = [runs.c.namespace == namespace]
    if where.statuses:
        conditions.append(runs.c.status.in_(sorted(set(where.statuses))))
    if where.kinds:
        conditions.append(runs.c.kind.in_(sorted(set(where.kinds))))
    if where.session_id:
        conditions.append(owned_by(runs, namespace, where.session_id))
    for column, value in (
        (runs.c.agent_id, where.agent_id),
        (runs.c.task_id, where.task_id),
        (runs.c.parent_id, where.parent_run_id),
        (runs.c.trace_id, where.trace_id),
    ):
        if value:
            conditions.append(column == value)
    for column, wanted in ((runs.c.labels, where.labels), (runs.c.metadata, where.metadata)):
        if wanted:
            conditions.append(dialect.contains(column, wanted))
    if where.started_from is not None:
        conditions.append(runs.c.start_time >= where.started_from)
    if where.started_until is not None:
        conditions.append(runs.c.start_time < where.started_until)
    return conditions
