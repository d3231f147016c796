"""Leadership: which server does what only one may do."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")


def create() -> None:
    op.create_table(
        "leadership",
        sa.Column("name", columns.KEY, primary_key=True),
        sa.Column("holder", columns.KEY, nullable=False),
        sa.Column("expire_time", columns.TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="leadership_pkey"),
    )
