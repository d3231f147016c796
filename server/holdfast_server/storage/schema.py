"""The tables. Migrations make them; a test holds the two against each other.

Every table that belongs to a session has `session_key` at the head of its keys, so that it can be
partitioned or distributed by it. Optional ids are NULL when empty: their indexes leave those rows out.
"""

from __future__ import annotations

import sqlalchemy as sa

from holdfast_server.storage.columns import JsonText, Micros, Searchable, text_key

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

# SQLite makes a key by itself only for INTEGER.
_SurrogateKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _session_key(*, primary: bool = True) -> sa.Column[int]:
    return sa.Column(
        "session_key",
        sa.BigInteger,
        sa.ForeignKey("sessions.key", ondelete="CASCADE"),
        primary_key=primary,
        nullable=False,
        autoincrement=False,
    )


sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("key", _SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    text_key("parent_id"),
    sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("status_reason", sa.Text, nullable=False),
    text_key("user_id"),
    text_key("agent_id"),
    text_key("task_id"),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    # Microseconds; NULL: the server's default; -1: never.
    sa.Column("retention", sa.BigInteger),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
    sa.Column("fork_sequence", sa.BigInteger),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    # In no index, like `last_sequence`: every append writes them, and PostgreSQL then needs no new
    # index entries (a heap-only update, for which the fill factor leaves room).
    sa.Column("last_activity_time", Micros, nullable=False),
    sa.Column("end_time", Micros),
    # Not before this time can the session have expired; NULL: never. Only looking moves it on.
    sa.Column("expiry_check_time", Micros),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "create_time", "key"),
    sa.Index(None, "namespace", "status", "create_time", "key"),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 70},
)

for _column in ("user_id", "agent_id", "parent_id", "task_id"):
    _filled = sessions.c[_column].is_not(None)
    sa.Index(
        f"sessions_{_column}_idx",
        sessions.c.namespace,
        sessions.c[_column],
        sessions.c.create_time,
        sessions.c.key,
        postgresql_where=_filled,
        sqlite_where=_filled,
    )
sa.Index(
    "sessions_expiry_check_time_idx",
    sessions.c.expiry_check_time,
    postgresql_where=sessions.c.expiry_check_time.is_not(None),
    sqlite_where=sessions.c.expiry_check_time.is_not(None),
)

events = sa.Table(
    "events",
    metadata,
    _session_key(),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    text_key("namespace", nullable=False),
    text_key("event_id", nullable=False),
    text_key("type", nullable=False),
    text_key("actor"),
    text_key("run_id"),
    text_key("task_id"),
    text_key("trace_id"),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    # A message or step as JSON, or a payload's text, as it came.
    sa.Column("body", JsonText),
    sa.Column("data", sa.LargeBinary),
    sa.Column("media_type", sa.Text),
    sa.Column("labels", Searchable, nullable=False),
    # About how many bytes the event has on the wire: pages are cut by it.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("event_time", Micros, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.UniqueConstraint("session_key", "event_id"),
)
sa.Index(
    "events_trace_id_idx",
    events.c.namespace,
    events.c.trace_id,
    events.c.session_key,
    events.c.sequence,
    postgresql_where=events.c.trace_id.is_not(None),
    sqlite_where=events.c.trace_id.is_not(None),
)

# One row a key: its newest version. The versions themselves are in state_versions.
states = sa.Table(
    "states",
    metadata,
    _session_key(),
    text_key("key", primary_key=True),
    text_key("namespace", nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)

state_versions = sa.Table(
    "state_versions",
    metadata,
    _session_key(),
    text_key("key", primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    text_key("namespace", nullable=False),
    sa.Column("body", JsonText),
    sa.Column("data", sa.LargeBinary),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    text_key("run_id"),
    sa.Column("session_sequence", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
)

# What a repeated request is answered from.
session_requests = sa.Table(
    "session_requests",
    metadata,
    _session_key(),
    text_key("request_id", primary_key=True),
    text_key("namespace", nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("result", JsonText, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Index(None, "create_time"),
)

# Metadata and labels of sessions are searched by containment, which takes a GIN index on PostgreSQL.
# SQLite has none: there, triggers keep the table session_marks (see storage/dialect.py).
for _column in ("labels", "metadata"):
    sa.Index(
        f"sessions_{_column}_idx",
        sessions.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")
