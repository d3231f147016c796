"""The tables of plans and their items."""

from __future__ import annotations

import sqlalchemy as sa
from msgspec.structs import fields

from holdfastdb_server.domain.plans.items import Progress
from holdfastdb_server.storage.engines.columns import JsonText, Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata, owner_columns, payload_columns

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("id", nullable=False),
    *owner_columns(),
    sa.Column("create_fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    # Counts of the items, for lists that leave the items out.
    *(sa.Column(f"{field.name}_count", sa.Integer, nullable=False) for field in fields(Progress)),
    # Estimated bytes of the plan on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    sa.UniqueConstraint("namespace", "id"),
    sa.Index(None, "namespace", "create_time", "key"),
    sa.Index(None, "namespace", "status", "create_time", "key"),
    sqlite_autoincrement=True,
    # Room for heap-only updates: each change of an item changes its plan's counts and version.
    postgresql_with={"fillfactor": 70},
)
sa.Index(
    "plans_session_key_idx",
    plans.c.session_key,
    plans.c.create_time,
    plans.c.key,
    postgresql_where=plans.c.session_key.is_not(None),
    sqlite_where=plans.c.session_key.is_not(None),
)
# See sessions; on SQLite the table is plan_label_index.
for _column in ("labels", "metadata"):
    sa.Index(
        f"plans_{_column}_idx",
        plans.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")

plan_items = sa.Table(
    "plan_items",
    metadata,
    sa.Column(
        "plan_key",
        sa.BigInteger,
        sa.ForeignKey("plans.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    text_key("id", primary_key=True),
    text_key("namespace", nullable=False),
    # From 1, without gaps.
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("acceptance_criteria", JsonText, nullable=False),
    sa.Column("depends_on", JsonText, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    *payload_columns("result"),
    sa.Column("metadata", JsonText, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
)
