"""Filters of events as conditions."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import has_prefix
from holdfastdb_server.storage.schema import events


def event_conditions(dialect: Dialect, where: EventFilter) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that an event must meet, all of them, beside that of its session."""
    conditions: list[sa.ColumnElement[bool]] = []
    if where.types:
        conditions.append(sa.or_(*map(_has_type, where.types)))
    if where.kinds:
        conditions.append(events.c.kind.in_(sorted(where.kinds)))
    for column, value in (
        (events.c.actor, where.actor),
        (events.c.run_id, where.run_id),
        (events.c.task_id, where.task_id),
        (events.c.trace_id, where.trace_id),
    ):
        if value:
            conditions.append(column == value)
    if where.labels:
        conditions.append(dialect.holds(events.c.labels, where.labels))
    if where.happened_from is not None:
        conditions.append(events.c.event_time >= where.happened_from)
    if where.happened_until is not None:
        conditions.append(events.c.event_time < where.happened_until)
    return conditions


def _has_type(wanted: str) -> sa.ColumnElement[bool]:
    if wanted.endswith(".*"):
        return has_prefix(events.c.type, wanted[:-1])
    return events.c.type == wanted
