"""Runs."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "runs",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        *columns.owner(),
        sa.Column("parent_id", columns.KEY),
        sa.Column("task_id", columns.KEY),
        sa.Column("agent_id", columns.KEY),
        sa.Column("kind", columns.KEY, nullable=False),
        sa.Column("trace_id", columns.KEY),
        sa.Column("start_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *columns.payload("input"),
        *columns.payload("output"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cache_read_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cache_creation_input_tokens", sa.BigInteger, nullable=False),
        sa.Column("reasoning_output_tokens", sa.BigInteger, nullable=False),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("start_time", columns.TIME, nullable=False),
        sa.Column("end_time", columns.TIME),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="runs_pkey"),
        sa.UniqueConstraint("namespace", "id", name="runs_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("runs_namespace_start_time_key_idx", "runs", ["namespace", "start_time", "key"])
    for column in ("status", "kind"):
        op.create_index(
            f"runs_namespace_{column}_start_time_key_idx", "runs", ["namespace", column, "start_time", "key"]
        )
    for column in ("agent_id", "task_id", "parent_id", "trace_id"):
        indexes.partial_index(
            f"runs_{column}_idx", "runs", ["namespace", column, "start_time", "key"], column
        )
    indexes.partial_index("runs_session_key_idx", "runs", ["session_key", "start_time", "key"], "session_key")
    indexes.search("runs", "run", ("labels", "metadata"))
