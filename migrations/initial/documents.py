"""Documents, and the members of their contents by which they are found."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file

columns = load_python_file(str(Path(__file__).parent), "columns.py")
indexes = load_python_file(str(Path(__file__).parent), "indexes.py")


def create() -> None:
    op.create_table(
        "documents",
        columns.surrogate_key(),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("collection", columns.KEY, nullable=False),
        sa.Column("id", columns.KEY, nullable=False),
        sa.Column("parent_key", sa.BigInteger, sa.ForeignKey("documents.key")),
        sa.Column("parent_collection", columns.KEY),
        sa.Column("parent_id", columns.KEY),
        *columns.payload("content"),
        sa.Column("labels", columns.JSONB, nullable=False),
        sa.Column("metadata", columns.JSONB, nullable=False),
        sa.Column("ttl", sa.BigInteger),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("create_time", columns.TIME, nullable=False),
        sa.Column("update_time", columns.TIME, nullable=False),
        sa.Column("expire_time", columns.TIME),
        sa.Column("subtree_expire_time", columns.TIME),
        sa.Column("expiry_check_time", columns.TIME),
        sa.PrimaryKeyConstraint("key", name="documents_pkey"),
        sa.UniqueConstraint("namespace", "collection", "id", name="documents_namespace_collection_id_key"),
        sqlite_autoincrement=True,
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "documents_namespace_update_time_key_idx", "documents", ["namespace", "update_time", "key"]
    )
    indexes.partial_index(
        "documents_parent_key_idx", "documents", ["parent_key", "collection", "id"], "parent_key"
    )
    indexes.partial_index(
        "documents_expiry_check_time_idx", "documents", ["expiry_check_time"], "expiry_check_time"
    )
    indexes.search("documents", "document", ("labels", "metadata"))
    op.create_table(
        "document_members",
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey("documents.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("members", columns.JSONB, nullable=False),
        sa.PrimaryKeyConstraint("row_key", name="document_members_pkey"),
    )
    indexes.full_text("documents", "document")
