"""The statements of the write path and of the point reads, built once.

Each takes its parameters as a table of rows, so that it is the same statement for one request and
for a crowd of them, and is planned once.
"""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.base import Dialect, InlineRows
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.schema import events, session_requests, sessions, state_versions, states


class Statements:
    """The statements, in an engine's dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

        self.names = InlineRows(dialect, "n", {"namespace": sa.Text(), "id": sa.Text()})
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
            # One order for all who lock, or they would deadlock.
            .order_by(sessions.c.key)
        )
        self.lock_sessions = locking.with_for_update(key_share=True, of=sessions)
        self.try_lock_sessions = locking.with_for_update(key_share=True, of=sessions, skip_locked=True)

        self.keyed = InlineRows(dialect, "k", {"session_key": sa.BigInteger(), "name": sa.Text()})
        keyed = self.keyed
        self.events_by_id = sa.select(events).join(
            keyed.table,
            sa.and_(events.c.session_key == keyed.c.session_key, events.c.event_id == keyed.c.name),
        )
        self.heads_by_key = sa.select(states).join(
            keyed.table, sa.and_(states.c.session_key == keyed.c.session_key, states.c.key == keyed.c.name)
        )
        self.requests_by_id = sa.select(session_requests).join(
            keyed.table,
            sa.and_(
                session_requests.c.session_key == keyed.c.session_key,
                session_requests.c.request_id == keyed.c.name,
            ),
        )

        self.progress = InlineRows(
            dialect,
            "p",
            {"session_key": sa.BigInteger(), "last_sequence": sa.BigInteger(), "time": Micros()},
        )
        self.touch_sessions = (
            sessions.update()
            .where(sessions.c.key == self.progress.c.session_key)
            .values(last_sequence=self.progress.c.last_sequence, last_activity_time=self.progress.c.time)
        )

        self.bounds = InlineRows(
            dialect,
            "b",
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
        self.wanted_states = InlineRows(
            dialect,
            "l",
            {
                "place": sa.BigInteger(),
                "namespace": sa.Text(),
                "id": sa.Text(),
                "name": sa.Text(),
                "version": sa.BigInteger(),
            },
        )
        wanted = self.wanted_states
        # In steps, each materialized. Joined all at once, PostgreSQL finds it cheaper to look through a
        # session's states than to enter their index by the whole key, which it is not where they are many.
        found = (
            sa.select(wanted.c.place, sessions.c.key, wanted.c.name, wanted.c.version)
            .select_from(wanted.table)
            .join(
                sessions,
                sa.and_(sessions.c.namespace == wanted.c.namespace, sessions.c.id == wanted.c.id),
            )
            .cte("found")
            .prefix_with("MATERIALIZED")
        )
        version = sa.func.coalesce(found.c.version, states.c.version).label("version")
        chosen = (
            sa.select(found.c.place, found.c.key, found.c.name, version)
            .select_from(found)
            .outerjoin(states, sa.and_(states.c.session_key == found.c.key, states.c.key == found.c.name))
            .cte("chosen")
            .prefix_with("MATERIALIZED")
        )
        self.load_states = (
            sa.select(chosen.c.place, state_versions)
            .select_from(chosen)
            .outerjoin(
                state_versions,
                sa.and_(
                    state_versions.c.session_key == chosen.c.key,
                    state_versions.c.key == chosen.c.name,
                    state_versions.c.version == chosen.c.version,
                ),
            )
        )

        self.keys = InlineRows(dialect, "h", {"session_key": sa.BigInteger()})
        self.last_sequences = sa.select(sessions.c.key, sessions.c.last_sequence).join(
            self.keys.table, sessions.c.key == self.keys.c.session_key
        )
