"""Request ids with their replies: those of sessions, and all others."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")


def create() -> None:
    op.create_table(
        "session_requests",
        columns.session_key(),
        sa.Column("request_id", columns.KEY, primary_key=True),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", columns.JSON, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "request_id", name="session_requests_pkey"),
    )
    op.create_index("session_requests_create_time_idx", "session_requests", ["create_time"])
    op.create_table(
        "requests",
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("request_id", columns.KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", columns.JSON),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("namespace", "request_id", name="requests_pkey"),
    )
    op.create_index("requests_create_time_idx", "requests", ["create_time"])
