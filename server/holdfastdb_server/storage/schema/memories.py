"""The tables of memories and of their words."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata
from holdfastdb_server.storage.schema.full_text import full_text_of

memories = sa.Table(
    "memories",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("lesson", sa.Text, nullable=False),
    text_key("tool_name"),
    text_key("agent_id"),
    text_key("user_id"),
    # No reference: a memory outlives the session in which it was learnt.
    text_key("session_id"),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    # Estimated bytes of the memory on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # In no index, like `last_use_time`: searches write them.
    sa.Column("use_count", sa.BigInteger, nullable=False),
    sa.Column("last_use_time", Micros),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "create_time", "key"),
    sa.Index(None, "namespace", "confidence", "create_time", "key"),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 70},
)

for _column in ("tool_name", "agent_id", "user_id", "session_id"):
    _filled = memories.c[_column].is_not(None)
    sa.Index(
        f"memories_{_column}_idx",
        memories.c.namespace,
        memories.c[_column],
        memories.c.create_time,
        memories.c.key,
        postgresql_where=_filled,
        sqlite_where=_filled,
    )
# See sessions; on SQLite the table is memory_label_index.
for _column in ("labels", "metadata"):
    sa.Index(
        f"memories_{_column}_idx",
        memories.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")

memory_full_text = full_text_of(memories)
