"""Indexes that several tables have, those for labels and for words included."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from alembic.util import load_python_file
from sqlalchemy.dialects import postgresql

columns = load_python_file(str(Path(__file__).parent), "columns.py")


def partial_index(name: str, table: str, indexed: list[str], present: str) -> None:
    """Index only the rows in which the column `present` is not NULL."""
    condition = sa.text(f"{present} IS NOT NULL")
    op.create_index(name, table, indexed, postgresql_where=condition, sqlite_where=condition)


def search(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Make JSON objects searchable by their members."""
    if op.get_context().dialect.name != "postgresql":
        _label_index(table, noun, fields)
        return
    for field in fields:
        op.create_index(
            f"{table}_{field}_idx",
            table,
            [field],
            postgresql_using="gin",
            postgresql_ops={field: "jsonb_path_ops"},
        )


def full_text(table: str, noun: str) -> None:
    """Make texts searchable by their words, with each engine's own full-text index."""
    if op.get_context().dialect.name != "postgresql":
        op.execute(
            f"CREATE VIRTUAL TABLE {noun}_full_text USING"
            " fts5(full_weight, half_weight, tokenize = 'ascii', detail = 'column', columnsize = 0)"
        )
        op.execute(
            f"CREATE TRIGGER {noun}_full_text_delete AFTER DELETE ON {table} BEGIN"
            f" DELETE FROM {noun}_full_text WHERE rowid = old.key; END"
        )
        return
    op.create_table(
        f"{noun}_full_text",
        sa.Column(
            "row_key",
            sa.BigInteger,
            sa.ForeignKey(f"{table}.key", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("part", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("namespace", columns.KEY, nullable=False),
        sa.Column("words", postgresql.TSVECTOR, nullable=False),
        sa.PrimaryKeyConstraint("row_key", "part", name=f"{noun}_full_text_pkey"),
    )
    op.create_index(f"{noun}_full_text_words_idx", f"{noun}_full_text", ["words"], postgresql_using="gin")


def _label_index(table: str, noun: str, fields: tuple[str, ...]) -> None:
    """Keep the scalar members of JSON objects in a table of their own: SQLite has no index for them."""
    index = f"{noun}_label_index"
    op.execute(
        f"CREATE TABLE {index} (row_key INTEGER NOT NULL REFERENCES {table} (key) ON DELETE CASCADE,"
        " field TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value)"
    )
    op.execute(f"CREATE INDEX {index}_row_idx ON {index} (row_key, field)")
    op.execute(f"CREATE INDEX {index}_value_idx ON {index} (field, name, type, value, row_key)")
    for field in fields:
        insert = (
            f"INSERT INTO {index} SELECT new.key, '{field}', key,"
            " CASE WHEN type IN ('integer', 'real') THEN 'number' ELSE type END, atom"
            f" FROM json_each(new.{field}) WHERE type NOT IN ('object', 'array');"
        )
        op.execute(f"CREATE TRIGGER {index}_{field}_insert AFTER INSERT ON {table} BEGIN {insert} END")
        op.execute(
            f"CREATE TRIGGER {index}_{field}_update AFTER UPDATE OF {field} ON {table}"
            f" WHEN new.{field} <> old.{field} BEGIN"
            f" DELETE FROM {index} WHERE row_key = old.key AND field = '{field}'; {insert} END"
        )
