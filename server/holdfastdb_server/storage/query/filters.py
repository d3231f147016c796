"""Filters of events as conditions."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.schema import events, sessions


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


def owned_by(table: sa.Table, namespace: str, session_id: str) -> sa.ColumnElement[bool]:
    """Whether a row belongs to the session: by its key, which is indexed."""
    owner = sa.select(sessions.c.key).where(sessions.c.namespace == namespace, sessions.c.id == session_id)
    return table.c.session_key == owner.scalar_subquery()


def has_prefix(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Whether a text that compares by bytes begins so: as a range, which an index finds.

    LIKE would not do: it ignores case on SQLite.
    """
    after = after_prefix(prefix)
    return column >= prefix if after is None else sa.and_(column >= prefix, column < after)


def after_prefix(prefix: str) -> str | None:
    """Return the least text greater than all with the prefix; None if there is none."""
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index])
        if point < 0x10FFFF:
            # Surrogates are no text: skip over them.
            return prefix[:index] + chr(0xE000 if point == 0xD7FF else point + 1)
    return None


def _has_type(wanted: str) -> sa.ColumnElement[bool]:
    if wanted.endswith(".*"):
        return has_prefix(events.c.type, wanted[:-1])
    return events.c.type == wanted
