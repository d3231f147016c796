"""Saves, as the single statement of PostgreSQL gets them."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.storage.postgres.saves import SingleStatementSaves
from holdfastdb_server.storage.schema import sessions, state_versions
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.entries import Save
from tests.support.content import NAMESPACE

KEPT = 3
"""How many versions of a key are kept."""


def request(*writes: StateWrite, session: str = "s", request_id: str = "") -> Save:
    """A save in a session."""
    return Save(NAMESPACE, session, writes, request_id)


async def saved(writer: SingleStatementSaves, *requests: Save) -> list[list[int] | None]:
    """The versions that each request has got."""
    answers = await writer.write(requests)
    return [None if answer is None else [state.version for state in answer] for answer in answers]


async def stored(store: SqlStore, session: str = "s") -> list[tuple[str, int]]:
    """All versions of all keys."""
    query = (
        sa.select(state_versions.c.key, state_versions.c.version)
        .join(sessions, sessions.c.key == state_versions.c.session_key)
        .where(sessions.c.id == session)
        .order_by(state_versions.c.key, state_versions.c.version)
    )
    found = await store._database.read(lambda connection: connection.execute(query))
    return [(row.key, row.version) for row in found]
