"""The table of sessions."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
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
    # A lower bound of the time at which the session expires, which the janitor's check moves on; NULL: never.
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
# Two, for the times of the first follow from the server's default, which may be changed.
_own = sessions.c.retention.is_not(None)
for _name, _whose in (("default", ~_own), ("own", _own)):
    _may_expire = sa.and_(_whose, sessions.c.expiry_check_time.is_not(None))
    sa.Index(
        f"sessions_{_name}_expiry_idx",
        sessions.c.expiry_check_time,
        postgresql_where=_may_expire,
        sqlite_where=_may_expire,
    )
sa.Index(
    "sessions_end_time_idx",
    sessions.c.end_time,
    postgresql_where=sessions.c.end_time.is_not(None),
    sqlite_where=sessions.c.end_time.is_not(None),
)

# Metadata and labels of sessions are searched by containment, which takes a GIN index on PostgreSQL.
# SQLite has none: there, triggers keep the table session_label_index (see storage/engines/base.py).
for _column in ("labels", "metadata"):
    sa.Index(
        f"sessions_{_column}_idx",
        sessions.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")
