"""Memories."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "memories",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("lesson", sa.Text, nullable=False),
        sa.Column("tool_name", columns.KEY),
        sa.Column("agent_id", columns.KEY),
        sa.Column("user_id", columns.KEY),
        sa.Column("session_id", columns.KEY),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("use_count", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", columns.TIME),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="memories_pkey"),
        sa.UniqueConstraint("namespace", "id", name="memories_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("memories_namespace_create_time_key_idx", "memories", ["namespace", "create_time", "key"])
    op.create_index(
        "memories_namespace_confidence_create_time_key_idx",
        "memories",
        ["namespace", "confidence", "create_time", "key"],
    )
    for column in ("tool_name", "agent_id", "user_id", "session_id"):
        indexes.partial_index(
            f"memories_{column}_idx", "memories", ["namespace", column, "create_time", "key"], column
        )
    indexes.search("memories", "memory", ("labels", "metadata"))
    indexes.full_text("memories", "memory")
