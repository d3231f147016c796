"""The table of runs."""

from __future__ import annotations

import sqlalchemy as sa
from msgspec.structs import fields

from holdfastdb_server.domain.runs.run import TokenUsage
from holdfastdb_server.storage.engines.columns import Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata, owner_columns, payload_columns

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    *owner_columns(),
    text_key("parent_id"),
    text_key("task_id"),
    text_key("agent_id"),
    text_key("kind", nullable=False),
    text_key("trace_id"),
    sa.Column("start_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    *payload_columns("input"),
    *payload_columns("output"),
    sa.Column("error", sa.Text, nullable=False),
    *(sa.Column(field.name, sa.BigInteger, nullable=False) for field in fields(TokenUsage)),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    # Estimated bytes of the run on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("start_time", Micros, nullable=False),
    sa.Column("end_time", Micros),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "start_time", "key"),
    sa.Index(None, "namespace", "status", "start_time", "key"),
    sa.Index(None, "namespace", "kind", "start_time", "key"),
    sqlite_autoincrement=True,
    # Room for heap-only updates: output and usage are written again and again.
    postgresql_with={"fillfactor": 70},
)

for _column in ("agent_id", "task_id", "parent_id", "trace_id"):
    _filled = runs.c[_column].is_not(None)
    sa.Index(
        f"runs_{_column}_idx",
        runs.c.namespace,
        runs.c[_column],
        runs.c.start_time,
        runs.c.key,
        postgresql_where=_filled,
        sqlite_where=_filled,
    )
sa.Index(
    "runs_session_key_idx",
    runs.c.session_key,
    runs.c.start_time,
    runs.c.key,
    postgresql_where=runs.c.session_key.is_not(None),
    sqlite_where=runs.c.session_key.is_not(None),
)
# See sessions; on SQLite the table is run_label_index.
for _column in ("labels", "metadata"):
    sa.Index(
        f"runs_{_column}_idx",
        runs.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")
