"""Copying what hangs on a session to its fork."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.schema import events, sessions, state_versions, states


async def copy(
    connection: AsyncConnection, source_key: int, namespace: str, fork_id: str, sequence: int
) -> None:
    """Copy the events up to and with the sequence, and the states that were saved by then.

    Sets the fork's last sequence. All within the database: nothing is carried to us and back.
    """
    fork_key = await connection.scalar(
        sa.select(sessions.c.key).where(sessions.c.namespace == namespace, sessions.c.id == fork_id)
    )
    for table, place in ((events, events.c.sequence), (state_versions, state_versions.c.session_sequence)):
        others = [column for column in table.columns if column.name != "session_key"]
        copied = sa.select(sa.literal(fork_key, sa.BigInteger), *others).where(
            table.c.session_key == source_key, place <= sequence
        )
        await connection.execute(table.insert().from_select([table.c.session_key, *others], copied))
    newest = (
        sa.select(
            state_versions.c.session_key,
            state_versions.c.key,
            state_versions.c.namespace,
            sa.func.max(state_versions.c.version),
        )
        .where(state_versions.c.session_key == fork_key)
        .group_by(state_versions.c.session_key, state_versions.c.key, state_versions.c.namespace)
    )
    await connection.execute(
        states.insert().from_select(
            [states.c.session_key, states.c.key, states.c.namespace, states.c.version], newest
        )
    )
    await connection.execute(
        sessions.update().where(sessions.c.key == fork_key).values(last_sequence=sequence)
    )
