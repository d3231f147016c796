"""The table of requests with an id: what a repeated request is answered from."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, Micros, text_key
from holdfastdb_server.storage.schema.base import SurrogateKey, metadata

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("key", SurrogateKey, sa.Identity(always=True), primary_key=True),
    text_key("namespace", nullable=False),
    # The session that the request is to, with which it is deleted; NULL: its id is unique in its namespace.
    sa.Column("session_key", sa.BigInteger, sa.ForeignKey("sessions.key", ondelete="CASCADE")),
    text_key("request_id", nullable=False),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("result", JsonText, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.Index(None, "create_time"),
)
for _column, _is_to_session in (
    ("session_key", requests.c.session_key.is_not(None)),
    ("namespace", requests.c.session_key.is_(None)),
):
    sa.Index(
        f"requests_{_column}_idx",
        requests.c[_column],
        requests.c.request_id,
        unique=True,
        postgresql_where=_is_to_session,
        sqlite_where=_is_to_session,
    )
