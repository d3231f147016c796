"""Between rows and runs."""

from __future__ import annotations

from operator import eq, ge, lt
from typing import Any

from msgspec.structs import asdict, fields

from holdfastdb_server.domain.runs.run import Run, RunResults, RunStatus, TokenUsage
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, OneOf, OwnedBy
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


def run_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a RunFilter stand for."""
    return Conditions(
        dialect,
        {
            "statuses": OneOf(runs.c.status),
            "kinds": OneOf(runs.c.kind),
            "session_id": OwnedBy(runs),
            "agent_id": Compares(runs.c.agent_id, eq),
            "task_id": Compares(runs.c.task_id, eq),
            "parent_run_id": Compares(runs.c.parent_id, eq),
            "trace_id": Compares(runs.c.trace_id, eq),
            "labels": HasMembers(runs.c.labels),
            "metadata": HasMembers(runs.c.metadata),
            "started_from": Compares(runs.c.start_time, ge),
            "started_until": Compares(runs.c.start_time, lt),
        },
    )
