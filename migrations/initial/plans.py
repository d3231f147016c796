"""Plans and their items."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "plans",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        *columns.owner(),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("pending_count", sa.Integer, nullable=False),
        sa.Column("in_progress_count", sa.Integer, nullable=False),
        sa.Column("completed_count", sa.Integer, nullable=False),
        sa.Column("failed_count", sa.Integer, nullable=False),
        sa.Column("skipped_count", sa.Integer, nullable=False),
        sa.Column("ready_count", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="plans_pkey"),
        sa.UniqueConstraint("namespace", "id", name="plans_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("plans_namespace_create_time_key_idx", "plans", ["namespace", "create_time", "key"])
    op.create_index(
        "plans_namespace_status_create_time_key_idx", "plans", ["namespace", "status", "create_time", "key"]
    )
    indexes.partial_index(
        "plans_session_key_idx", "plans", ["session_key", "create_time", "key"], "session_key"
    )
    indexes.search("plans", "plan", ("labels", "metadata"))
    op.create_table(
        "plan_items",
        sa.Column(
            "plan_key",
            sa.BigInteger,
            sa.ForeignKey("plans.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("id", columns.KEY, primary_key=True),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("acceptance_criteria", columns.JSON, nullable=False),
        sa.Column("depends_on", columns.JSON, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *columns.payload("result"),
        sa.Column("metadata", columns.JSON, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("plan_key", "id", name="plan_items_pkey"),
    )
