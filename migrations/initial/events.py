"""Events: the history of each session."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "events",
        columns.session_key(),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("event_id", columns.KEY, nullable=False),
        sa.Column("type", columns.KEY, nullable=False),
        sa.Column("actor", columns.KEY),
        sa.Column("run_id", columns.KEY),
        sa.Column("task_id", columns.KEY),
        sa.Column("trace_id", columns.KEY),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("body", columns.JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("event_time", columns.TIME, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "sequence", name="events_pkey"),
        sa.UniqueConstraint("session_key", "event_id", name="events_session_key_event_id_key"),
    )
    indexes.partial_index(
        "events_trace_id_idx", "events", ["namespace", "trace_id", "session_key", "sequence"], "trace_id"
    )
