"""The tables of words: what texts are searched by."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from holdfastdb_server.storage.engines.columns import singular, text_key
from holdfastdb_server.storage.schema.base import metadata


def full_text_of(owner: sa.Table) -> sa.Table:
    """Return the table of the words of a table's rows: `document_full_text` of `documents`.

    This is PostgreSQL's. SQLite has an FTS5 table of the same name, and a trigger of the owner that deletes
    from it; see the migrations.
    """
    name = f"{singular(owner)}_full_text"
    return sa.Table(
        name,
        metadata,
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey(owner.c.key, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        # Numbered from 0: a row may have more words than one tsvector has room for.
        sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
        text_key("namespace", nullable=False),
        sa.Column("words", sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql"), nullable=False),
        sa.Index(f"{name}_words_idx", "words", postgresql_using="gin"),
    )
