"""Sessions as a resource."""

from __future__ import annotations

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.schema import sessions


def session_resource(dialect: Dialect) -> Resource:
    """Return the rows of sessions, which an insertion returns whole."""
    return Resource(
        dialect, sessions, SessionNotFound, sessions.c.create_fingerprint, returned=list(sessions.c)
    )
