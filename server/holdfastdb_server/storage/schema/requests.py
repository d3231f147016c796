"""The table of requests that belong to no session."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, Micros, text_key
from holdfastdb_server.storage.schema.base import metadata

# What a repeated request is answered from. Those to a session are in session_requests, and go with it.
requests = sa.Table(
    "requests",
    metadata,
    text_key("namespace", primary_key=True),
    text_key("request_id", primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    # NULL only within the transaction that carries the request out.
    sa.Column("result", JsonText),
    sa.Column("create_time", Micros, nullable=False),
    sa.Index(None, "create_time"),
)
