"""States: the newest version of each key, and the versions kept."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")


def create() -> None:
    op.create_table(
        "states",
        columns.session_key(),
        sa.Column("key", columns.KEY, primary_key=True),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", name="states_pkey"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "state_versions",
        columns.session_key(),
        sa.Column("key", columns.KEY, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("body", columns.JSON),
        sa.Column("data", sa.LargeBinary),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("run_id", columns.KEY),
        sa.Column("session_sequence", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_key", "key", "version", name="state_versions_pkey"),
    )
