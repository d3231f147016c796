"""Approvals."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "approvals",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        *columns.owner(),
        sa.Column("task_id", columns.KEY),
        sa.Column("run_id", columns.KEY),
        sa.Column("requested_by", columns.KEY),
        sa.Column("approver", columns.KEY),
        sa.Column("trace_id", columns.KEY),
        sa.Column("request_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        *columns.payload("payload"),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("ttl", sa.BigInteger),
        sa.Column("decided_by", columns.KEY),
        sa.Column("reason", sa.Text, nullable=False),
        *columns.payload("response"),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("expire_time", columns.TIME),
        sa.Column("end_time", columns.TIME),
        sa.PrimaryKeyConstraint("key", name="approvals_pkey"),
        sa.UniqueConstraint("namespace", "id", name="approvals_namespace_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "approvals_namespace_create_time_key_idx", "approvals", ["namespace", "create_time", "key"]
    )
    op.create_index(
        "approvals_namespace_status_create_time_key_idx",
        "approvals",
        ["namespace", "status", "create_time", "key"],
    )
    for column in ("task_id", "run_id", "requested_by", "approver", "decided_by", "trace_id"):
        indexes.partial_index(
            f"approvals_{column}_idx", "approvals", ["namespace", column, "create_time", "key"], column
        )
    indexes.partial_index(
        "approvals_session_key_idx", "approvals", ["session_key", "create_time", "key"], "session_key"
    )
    pending = sa.text("end_time IS NULL AND expire_time IS NOT NULL")
    op.create_index(
        "approvals_expire_time_idx",
        "approvals",
        ["expire_time"],
        postgresql_where=pending,
        sqlite_where=pending,
    )
    indexes.search("approvals", "approval", ("labels",))
