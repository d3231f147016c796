"""The statements of the write path and of the point reads, built once.

Each takes its parameters as a table of rows, so that its text is the same for one request and for 512, and
the driver prepares it once.
"""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.base import Dialect, InlineRows
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.idempotency.request_ids import RequestStatements
from holdfastdb_server.storage.schema import events, sessions, state_versions, states


class Statements:
    """The statements, in an engine's dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

        self.names = InlineRows(dialect, "names", {"namespace": sa.Text(), "id": sa.Text()})
        named = sa.and_(sessions.c.namespace == self.names.c.namespace, sessions.c.id == self.names.c.id)
        self.sessions_by_name = sa.select(sessions).join(self.names.table, named)
        locking = (
            sa.select(
                sessions.c.key,
                sessions.c.namespace,
                sessions.c.id,
                sessions.c.status,
                sessions.c.last_sequence,
            )
            .join(self.names.table, named)
            # All transactions lock in this order: otherwise two of them could deadlock.
            .order_by(sessions.c.key)
        )
        self.lock_sessions = locking.with_for_update(key_share=True)
        self.try_lock_sessions = locking.with_for_update(key_share=True, skip_locked=True)

        self.keyed = InlineRows(dialect, "keyed", {"session_key": sa.BigInteger(), "name": sa.Text()})
        keyed = self.keyed
        self.events_by_id = sa.select(events).join(
            keyed.table,
            sa.and_(events.c.session_key == keyed.c.session_key, events.c.event_id == keyed.c.name),
        )
        self.heads_by_key = sa.select(states).join(
            keyed.table, sa.and_(states.c.session_key == keyed.c.session_key, states.c.key == keyed.c.name)
        )
        self.requests = RequestStatements(dialect)

        self.progress = InlineRows(
            dialect,
            "progress",
            {"session_key": sa.BigInteger(), "last_sequence": sa.BigInteger(), "time": Micros()},
        )
        self.touch_sessions = (
            sessions.update()
            .where(sessions.c.key == self.progress.c.session_key)
            .values(last_sequence=self.progress.c.last_sequence, last_activity_time=self.progress.c.time)
        )

        self.bounds = InlineRows(
            dialect,
            "bounds",
            {"session_key": sa.BigInteger(), "name": sa.Text(), "version": sa.BigInteger()},
        )
        bounds = self.bounds
        version_key = (state_versions.c.session_key, state_versions.c.key, state_versions.c.version)
        self.trim_versions = state_versions.delete().where(
            sa.tuple_(*version_key).in_(
                sa.select(*version_key).join(
                    bounds.table,
                    sa.and_(
                        state_versions.c.session_key == bounds.c.session_key,
                        state_versions.c.key == bounds.c.name,
                        state_versions.c.version <= bounds.c.version,
                    ),
                )
            )
        )

        # A version of NULL stands for the newest.
        self.loads = InlineRows(
            dialect,
            "loads",
            {
                "request_index": sa.BigInteger(),
                "namespace": sa.Text(),
                "id": sa.Text(),
                "name": sa.Text(),
                "version": sa.BigInteger(),
            },
        )
        loads = self.loads
        # Three steps, of which two are materialized. As one join, PostgreSQL expects it to be cheaper to scan
        # all states of a session than to look one up by its whole key, which is wrong where they are many.
        sessions_found = (
            sa.select(loads.c.request_index, sessions.c.key, loads.c.name, loads.c.version)
            .select_from(loads.table)
            .join(
                sessions,
                sa.and_(sessions.c.namespace == loads.c.namespace, sessions.c.id == loads.c.id),
            )
            .cte("sessions_found")
            .prefix_with("MATERIALIZED")
        )
        version = sa.func.coalesce(sessions_found.c.version, states.c.version).label("version")
        versions_chosen = (
            sa.select(sessions_found.c.request_index, sessions_found.c.key, sessions_found.c.name, version)
            .select_from(sessions_found)
            .outerjoin(
                states,
                sa.and_(states.c.session_key == sessions_found.c.key, states.c.key == sessions_found.c.name),
            )
            .cte("versions_chosen")
            .prefix_with("MATERIALIZED")
        )
        self.load_states = (
            sa.select(versions_chosen.c.request_index, state_versions)
            .select_from(versions_chosen)
            .outerjoin(
                state_versions,
                sa.and_(
                    state_versions.c.session_key == versions_chosen.c.key,
                    state_versions.c.key == versions_chosen.c.name,
                    state_versions.c.version == versions_chosen.c.version,
                ),
            )
        )

        self.keys = InlineRows(dialect, "keys", {"session_key": sa.BigInteger()})
        self.last_sequences = sa.select(sessions.c.key, sessions.c.last_sequence).join(
            self.keys.table, sessions.c.key == self.keys.c.session_key
        )
