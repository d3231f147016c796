"""Sessions."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "sessions",
        sa.Column(
            "key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            primary_key=True,
        ),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        sa.Column("parent_id", columns.KEY),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_reason", sa.Text, nullable=False),
        sa.Column("user_id", columns.KEY),
        sa.Column("agent_id", columns.KEY),
        sa.Column("task_id", columns.KEY),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("retention", sa.BigInteger),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("fork_sequence", sa.BigInteger),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.Column("last_activity_time", columns.TIME, nullable=False),
        sa.Column("end_time", columns.TIME),
        sa.Column("expiry_check_time", columns.TIME),
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
        indexes.partial_index(
            f"sessions_{column}_idx", "sessions", ["namespace", column, "create_time", "key"], column
        )
    for name, condition in (("default", "retention IS NULL"), ("own", "retention IS NOT NULL")):
        may_expire = sa.text(f"{condition} AND expiry_check_time IS NOT NULL")
        op.create_index(
            f"sessions_{name}_expiry_idx",
            "sessions",
            ["expiry_check_time"],
            postgresql_where=may_expire,
            sqlite_where=may_expire,
        )
    indexes.partial_index("sessions_end_time_idx", "sessions", ["end_time"], "end_time")
    indexes.search("sessions", "session", ("labels", "metadata"))
