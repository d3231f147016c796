"""Sessions for tests to store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import Session, SessionChange, SessionFields
from tests.support.changes import mask_of
from tests.support.content import NAMESPACE

# The fields of a session, none of them empty.
FULL: dict[str, Any] = {
    "user_id": "ada",
    "agent_id": "planner",
    "task_id": "task-7",
    "title": "Ünïcode – title 🦑",
    "labels": {"env": "prod", "ключ": "значение"},
    "metadata": {"count": 3, "ratio": 0.5, "deep": {"list": [1, None, True, "x"]}, "none": None},
    "retention": timedelta(hours=3),
}


def change(*, replaced: set[str] | None = None, **fields: Any) -> SessionChange:
    """Return a change of the given fields of SessionFields."""
    return SessionChange(SessionFields(**fields), *mask_of(fields, replaced))


async def update(store: Store, wanted: SessionChange, expected: int | None = None) -> Session:
    """Update session `s`."""
    return await store.sessions.update(NAMESPACE, "s", wanted, expected)
