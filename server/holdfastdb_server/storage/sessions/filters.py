"""Filters of sessions as conditions."""

from __future__ import annotations

from operator import eq, ge, lt

from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, OneOf
from holdfastdb_server.storage.schema import sessions


def session_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a SessionFilter stand for."""
    return Conditions(
        dialect,
        {
            "statuses": OneOf(sessions.c.status),
            "user_id": Compares(sessions.c.user_id, eq),
            "agent_id": Compares(sessions.c.agent_id, eq),
            "parent_session_id": Compares(sessions.c.parent_id, eq),
            "task_id": Compares(sessions.c.task_id, eq),
            "labels": HasMembers(sessions.c.labels),
            "metadata": HasMembers(sessions.c.metadata),
            "created_from": Compares(sessions.c.create_time, ge),
            "created_until": Compares(sessions.c.create_time, lt),
        },
    )
