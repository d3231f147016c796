"""Conditions that the filters of several nouns have."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.schema import sessions


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
