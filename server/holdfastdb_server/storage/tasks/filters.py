"""Filters of tasks, and what a claim chooses among, as conditions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from operator import eq, ge, lt
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, OneOf, OwnedBy
from holdfastdb_server.storage.schema import tasks
from holdfastdb_server.storage.tasks.rows import IS_SPENT, NOW, dedupe_digest, has_lapsed


def task_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a TaskFilter stand for, as of NOW."""
    return Conditions(
        dialect,
        {
            "statuses": _HasStatus(),
            "kinds": OneOf(tasks.c.kind),
            "session_id": OwnedBy(tasks),
            "phase": Compares(tasks.c.phase, eq),
            "from_role": Compares(tasks.c.from_role, eq),
            "to_role": Compares(tasks.c.to_role, eq),
            "worker_id": Compares(tasks.c.worker_id, eq),
            "dedupe_key": Compares(tasks.c.dedupe_digest, eq, dedupe_digest),
            "trace_id": Compares(tasks.c.trace_id, eq),
            "labels": HasMembers(tasks.c.labels),
            "metadata": HasMembers(tasks.c.metadata),
            "created_from": Compares(tasks.c.create_time, ge),
            "created_until": Compares(tasks.c.create_time, lt),
        },
    )


def claim_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a Claim by which it chooses stand for."""
    return Conditions(
        dialect,
        {
            "kinds": OneOf(tasks.c.kind),
            "role": Compares(tasks.c.to_role, lambda role, own: sa.or_(role.is_(None), role == own)),
            "labels": HasMembers(tasks.c.labels, indexed=False),
            "session_id": OwnedBy(tasks),
            "task_id": Compares(tasks.c.id, eq),
        },
    )


# A row says RUNNING after its lease has lapsed, until that is written: these statuses depend on the time.
_OF_TIME = (TaskStatus.RUNNING, TaskStatus.PENDING, TaskStatus.FAILED)


class _HasStatus:
    """Whether a task has one of the statuses: the stored one, or the one that follows from a lapsed lease."""

    def shape(self, value: Sequence[TaskStatus]) -> Hashable:
        return tuple(status for status in _OF_TIME if status in value)

    def build(self, dialect: Dialect, name: str, shape: tuple[TaskStatus, ...]) -> sa.ColumnElement[bool]:
        is_written = OneOf(tasks.c.status).build(dialect, name, ())
        if not shape:
            return is_written
        lapsed = has_lapsed(NOW)
        became = {
            TaskStatus.RUNNING: sa.or_(tasks.c.lease_expire_time.is_(None), ~lapsed),
            TaskStatus.PENDING: sa.and_(lapsed, ~IS_SPENT),
            TaskStatus.FAILED: sa.and_(lapsed, IS_SPENT),
        }
        # The first condition is implied by the second; an index answers it.
        return sa.and_(
            is_written,
            sa.or_(tasks.c.status != TaskStatus.RUNNING, *(became[status] for status in shape)),
        )

    def params(self, dialect: Dialect, name: str, value: Sequence[TaskStatus]) -> Mapping[str, Any]:
        written = {*value, TaskStatus.RUNNING} if set(value) & set(_OF_TIME) else value
        return OneOf(tasks.c.status).params(dialect, name, sorted(written))
