"""The tables of words: what texts are searched by, the same on every engine."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast_server.storage.columns import text_key
from holdfast_server.storage.schema.base import metadata, singular


def words_of(owner: sa.Table) -> sa.Table:
    """Return the table of the words of a table's rows: `document_words` of `documents`."""
    return sa.Table(
        f"{singular(owner)}_words",
        metadata,
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey(owner.c.key, ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        text_key("word", primary_key=True),
        text_key("namespace", nullable=False),
        # What finding the word counts: storage/words.py.
        sa.Column("weight", sa.SmallInteger, nullable=False),
        sa.Index(None, "namespace", "word", "row_key", "weight"),
    )
