"""All tables and indexes.

What the columns mean is said in `holdfast_server/storage/schema.py`. Types are spelled out here, for
a migration must go on making what it made.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSON(), "postgresql")
JSONB = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def session_key() -> sa.Column[Any]:
    return sa.Column(
        "session_key",
        sa.BigInteger,
        sa.ForeignKey("sessions.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def partial_index(name: str, table: str, columns: list[str], present: str) -> None:
    """Index only the rows in which the column `present` is."""
    condition = sa.text(f"{present} IS NOT NULL")
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition)


def upgrade() -> None:
    sessions()
    events()
    states()
    requests()


def sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            primary_key=True,
        ),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("parent_id", KEY),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_reason", sa.Text, nullable=False),
        sa.Column("user_id", KEY),
        sa.Column("agent_id", KEY),
        sa.Column("task_id", KEY),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("retention", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("fork_sequence", sa.BigInteger),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("update_time", TIME, nullable=False),
        sa.Column("last_activity_time", TIME, nullable=False),
        sa.Column("end_time", TIME),
        sa.Column("expiry_check_time", TIME),
        sa.PrimaryKeyConstraint("key", name="sessions_pkey"),
        sa.UniqueConstraint("namespace", "id", name="sessions_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("sessions_namespace_create_time_key_idx", "sessions", ["namespace", "create_time", "key"])
    op.create_index(
        "sessions_namespace_status_create_time_key_idx",
        "sessions",
        ["namespace", "status", "create_time", "key"],
    )
    for column in ("user_id", "agent_id", "parent_id", "task_id"):
        partial_index(
            f"sessions_{column}_idx", "sessions", ["namespace", column, "create_time", "key"], column
        )
    partial_index("sessions_expiry_check_time_idx", "sessions", ["expiry_check_time"], "expiry_check_time")
    search("sessions", "session", ("labels", "metadata"))


def events() -> None:
    op.create_table(
        "events",
        session_key(),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("type", KEY, nullable=False),
        sa.Column("actor", KEY),
        sa.Column("run_id", KEY),
        sa.Column("task_id", KEY),
        sa.Column("trace_id", KEY),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("body", JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text),
        sa.Column("labels", JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("event_time", TIME, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "sequence", name="events_pkey"),
        sa.UniqueConstraint("session_key", "event_id", name="events_session_key_event_id_key"),
    )
    partial_index(
        "events_trace_id_idx", "events", ["namespace", "trace_id", "session_key", "sequence"], "trace_id"
    )


def states() -> None:
    op.create_table(
        "states",
        session_key(),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", name="states_pkey"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "state_versions",
        session_key(),
        sa.Column("key", KEY, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("body", JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        sa.Column("run_id", KEY),
        sa.Column("session_sequence", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", "version", name="state_versions_pkey"),
    )


def requests() -> None:
    op.create_table(
        "session_requests",
        session_key(),
        sa.Column("request_id", KEY, primary_key=True),
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "request_id", name="session_requests_pkey"),
    )
    op.create_index("session_requests_create_time_idx", "session_requests", ["create_time"])
    op.create_table(
        "requests",
        sa.Column("namespace", KEY, nullable=False),
        sa.Column("request_id", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", JSON),
        sa.Column("create_time", TIME, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "request_id", name="requests_pkey"),
    )
    op.create_index("requests_create_time_idx", "requests", ["create_time"])


def search(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Make JSON objects searchable by their members."""
    if op.get_context().dialect.name != "postgresql":
        mark(table, noun, fields)
        return
    for field in fields:
        op.create_index(
            f"{table}_{field}_idx",
            table,
            [field],
            postgresql_using="gin",
            postgresql_ops={field: "jsonb_path_ops"},
        )


def mark(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Keep the scalar members of JSON objects in a table of their own, for SQLite cannot index them."""
    marks = f"{noun}_marks"
    op.execute(
        f"CREATE TABLE {marks} (row_key INTEGER NOT NULL REFERENCES {table} (key) ON DELETE CASCADE,"
        " field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value)"
    )
    op.execute(f"CREATE INDEX {marks}_row_idx ON {marks} (row_key, field)")
    op.execute(f"CREATE INDEX {marks}_value_idx ON {marks} (field, name, type, value, row_key)")
    for field in fields:
        insert = (
            f"INSERT INTO {marks} SELECT new.key, '{field}', key,"
            " CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom"
            f" FROM json_each(new.{field}) WHERE type NOT IN ('object', 'array');"
        )
        op.execute(f"CREATE TRIGGER {marks}_{field}_insert AFTER INSERT ON {table} BEGIN {insert} END")
        op.execute(
            f"CREATE TRIGGER {marks}_{field}_update AFTER UPDATE OF {field} ON {table}"
            f" WHEN new.{field} <> old.{field} BEGIN"
            f" DELETE FROM {marks} WHERE row_key = old.key AND field = '{field}'; {insert} END"
        )
