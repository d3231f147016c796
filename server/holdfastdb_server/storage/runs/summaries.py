"""How well runs did, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import LimitExceeded
from holdfastdb_server.domain.runs.reports import RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import RunStatus
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.runs.rows import TOKENS, usage_of
from holdfastdb_server.storage.schema import runs

_STATUSES = tuple(RunStatus)


def query(
    dialect: Dialect,
    matching: Sequence[sa.ColumnElement[bool]],
    groups: Sequence[RunGrouping],
    bucket_seconds: int,
) -> sa.Select[Any]:
    """Return the query of the figures of all groups.

    Percentiles are found by counting places, the same on every engine and exact at any number of runs.
    """
    by: dict[RunGrouping, sa.ColumnElement[Any]] = {
        RunGrouping.TIME: dialect.bucket(runs.c.start_time, bucket_seconds),
        RunGrouping.AGENT: sa.func.coalesce(runs.c.agent_id, ""),
        RunGrouping.KIND: runs.c.kind,
        RunGrouping.STATUS: runs.c.status,
    }
    grouping = [expression.label(group.name) for group, expression in by.items() if group in groups]
    wanted = sa.select(
        *grouping,
        runs.c.status.label("stage"),
        dialect.microseconds(runs.c.start_time, runs.c.end_time).label("duration"),
        *(runs.c[name] for name in TOKENS),
    ).where(*matching)
    single = wanted.subquery("single")
    columns = [single.c[label.name] for label in grouping]
    placed = sa.select(
        *single.c,
        sa.func.row_number()
        .over(partition_by=columns, order_by=single.c.duration.asc().nulls_last())
        .label("place"),
        sa.func.count(single.c.duration).over(partition_by=columns).label("ended"),
    ).subquery("placed")
    columns = [placed.c[label.name] for label in grouping]

    def percentile(percent: int) -> sa.ColumnElement[Any]:
        rank = (placed.c.ended * percent + 99) // 100
        return sa.func.max(sa.case((placed.c.place == rank, placed.c.duration))).label(f"p{percent}")

    def count(status: RunStatus) -> sa.ColumnElement[Any]:
        return sa.func.count(sa.case((placed.c.stage == status, 1))).label(status.value)

    return (
        sa.select(
            *columns,
            sa.func.count().label("number"),
            *map(count, (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)),
            percentile(50),
            percentile(95),
            *(sa.cast(sa.func.sum(placed.c[name]), sa.BigInteger).label(name) for name in TOKENS),
        )
        .group_by(*columns)
        .having(sa.func.count() > 0)
        .limit(limits.SUMMARY_GROUPS + 1)
    )


def read(result: sa.CursorResult[Any]) -> list[RunSummary]:
    """Return the figures of all groups, in order. Raises LimitExceeded if there are too many."""
    found = result.all()
    if len(found) > limits.SUMMARY_GROUPS:
        raise LimitExceeded("groups", len(found), limits.SUMMARY_GROUPS)
    return sorted(map(_summary_of, found), key=_order)


def _summary_of(row: Any) -> RunSummary:
    status = getattr(row, "STATUS", None)
    return RunSummary(
        run_count=row.number,
        completed_count=row.completed,
        failed_count=row.failed,
        cancelled_count=row.cancelled,
        p50_duration=_duration(row.p50),
        p95_duration=_duration(row.p95),
        usage=usage_of(row),
        agent_id=getattr(row, "AGENT", ""),
        kind=getattr(row, "KIND", ""),
        status=None if status is None else RunStatus(status),
        bucket_time=getattr(row, "TIME", None),
    )


def _duration(micros: int | None) -> timedelta | None:
    return None if micros is None else timedelta(microseconds=micros)


def _order(summary: RunSummary) -> tuple[Any, ...]:
    """Each group has all of what was grouped by, so nothing is compared with None."""
    stage = None if summary.status is None else _STATUSES.index(summary.status)
    return (summary.bucket_time, summary.agent_id, summary.kind, stage)
