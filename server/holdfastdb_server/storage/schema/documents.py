"""The tables of documents."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonbText, Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata, payload_columns
from holdfastdb_server.storage.schema.full_text import full_text_of

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    text_key("collection", nullable=False),
    text_key("id", nullable=False),
    # No cascade: the delete of a parent decides about its children.
    sa.Column("parent_key", sa.BigInteger, sa.ForeignKey("documents.key")),
    text_key("parent_collection"),
    text_key("parent_id"),
    *payload_columns("content"),
    sa.Column("labels", Searchable, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    # Microseconds; NULL: it never expires.
    sa.Column("ttl", sa.BigInteger),
    # Of the fields that a caller gives: a put with the same fingerprint changes nothing.
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # Estimated bytes on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Column("update_time", Micros, nullable=False),
    # These two are in no index, for reads may refresh them. A document exists until subtree_expire_time: the
    # latest expire_time of itself and of all documents below it, NULL if one of them never expires.
    sa.Column("expire_time", Micros),
    sa.Column("subtree_expire_time", Micros),
    # A lower bound of subtree_expire_time, which only the janitor's check moves on; NULL: it never expires.
    sa.Column("expiry_check_time", Micros),
    sa.UniqueConstraint("namespace", "collection", "id"),
    sa.Index(None, "namespace", "update_time", "key"),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 70},
)
for _name, _columns in (
    ("parent_key", ("parent_key", "collection", "id")),
    ("expiry_check_time", ("expiry_check_time",)),
):
    _filled = documents.c[_name].is_not(None)
    sa.Index(
        f"documents_{_name}_idx",
        *(documents.c[_column] for _column in _columns),
        postgresql_where=_filled,
        sqlite_where=_filled,
    )
for _column in ("labels", "metadata"):
    sa.Index(
        f"documents_{_column}_idx",
        documents.c[_column],
        postgresql_using="gin",
        postgresql_ops={_column: "jsonb_path_ops"},
    ).ddl_if(dialect="postgresql")

# What content filters compare with: domain/documents/content.py. In a table of its own, for it may be large.
document_members = sa.Table(
    "document_members",
    metadata,
    sa.Column(
        "row_key",
        sa.BigInteger,
        sa.ForeignKey("documents.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("members", sa.Text().with_variant(JsonbText(), "postgresql"), nullable=False),
)
document_full_text = full_text_of(documents)
