"""Request ids with their replies."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")


def create() -> None:
    op.create_table(
        "requests",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("session_key", sa.BigInteger, sa.ForeignKey("sessions.key", ondelete="CASCADE")),
        sa.Column("request_id", columns.KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("result", columns.JSON, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="requests_pkey"),
    )
    op.create_index("requests_create_time_idx", "requests", ["create_time"])
    for column, condition in (("session_key", "IS NOT NULL"), ("namespace", "IS NULL")):
        scope = sa.text(f"session_key {condition}")
        op.create_index(
            f"requests_{column}_idx",
            "requests",
            [column, "request_id"],
            unique=True,
            postgresql_where=scope,
            sqlite_where=scope,
        )
