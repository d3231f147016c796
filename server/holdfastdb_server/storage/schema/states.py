"""The tables of states."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import metadata, session_key

# One row a key: its newest version. The versions themselves are in state_versions.
states = sa.Table(
    "states",
    metadata,
    session_key(),
    text_key("key", primary_key=True),
    text_key("namespace", nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    postgresql_with={"fillfactor": 70},
)

state_versions = sa.Table(
    "state_versions",
    metadata,
    session_key(),
    text_key("key", primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    text_key("namespace", nullable=False),
    sa.Column("body", JsonText),
    sa.Column("data", sa.LargeBinary),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("metadata", Searchable, nullable=False),
    text_key("run_id"),
    sa.Column("session_sequence", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
)
