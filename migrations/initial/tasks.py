"""Tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "tasks",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        *columns.owner(),
        sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("kind", columns.KEY, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("phase", columns.KEY),
        sa.Column("from_role", columns.KEY),
        sa.Column("to_role", columns.KEY),
        *columns.payload("payload"),
        *columns.payload("result"),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("idempotency_key", columns.KEY),
        sa.Column("held_key", columns.KEY),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("dedupe_digest", sa.LargeBinary),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("run_after_time", columns.TIME),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("trace_id", columns.KEY),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("worker_id", columns.KEY),
        sa.Column("lease_token", sa.Text),
        sa.Column("lease_expire_time", columns.TIME),
        sa.Column("claim_time", columns.TIME),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.Column("start_time", columns.TIME),
        sa.Column("end_time", columns.TIME),
        sa.PrimaryKeyConstraint("key", name="tasks_pkey"),
        sa.UniqueConstraint("namespace", "id", name="tasks_namespace_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("tasks_namespace_create_time_key_idx", "tasks", ["namespace", "create_time", "key"])
    for column in ("status", "kind"):
        op.create_index(
            f"tasks_namespace_{column}_create_time_key_idx",
            "tasks",
            ["namespace", column, "create_time", "key"],
        )
    for column in ("phase", "from_role", "to_role", "worker_id", "dedupe_digest", "trace_id"):
        indexes.partial_index(
            f"tasks_{column}_idx", "tasks", ["namespace", column, "create_time", "key"], column
        )
    indexes.partial_index(
        "tasks_session_key_idx", "tasks", ["session_key", "create_time", "key"], "session_key"
    )
    indexes.partial_index("tasks_held_time_idx", "tasks", ["create_time"], "held_key")
    for name, indexed, where in (
        ("tasks_held_key_idx", ["namespace", "held_key"], "held_key IS NOT NULL"),
        (
            "tasks_open_idx",
            ["namespace", "kind", "dedupe_digest"],
            "dedupe_digest IS NOT NULL AND end_time IS NULL",
        ),
    ):
        condition = sa.text(where)
        op.create_index(
            name, "tasks", indexed, unique=True, postgresql_where=condition, sqlite_where=condition
        )
    order: list[Any] = [sa.text("priority DESC"), "create_time", "key", "claim_time"]
    for name, indexed, where in (
        ("tasks_claim_idx", ["namespace", *order], "claim_time IS NOT NULL"),
        ("tasks_claim_kind_idx", ["namespace", "kind", *order], "claim_time IS NOT NULL"),
        ("tasks_lapse_idx", ["claim_time"], "claim_time IS NOT NULL AND lease_token IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, "tasks", indexed, postgresql_where=condition, sqlite_where=condition)
    indexes.search("tasks", "task", ("labels", "metadata"))
