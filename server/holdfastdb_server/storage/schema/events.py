"""The table of events."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, Micros, Searchable, text_key
from holdfastdb_server.storage.schema.base import metadata, session_key

events = sa.Table(
    "events",
    metadata,
    session_key(),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    text_key("namespace", nullable=False),
    text_key("event_id", nullable=False),
    text_key("type", nullable=False),
    text_key("actor"),
    text_key("run_id"),
    text_key("task_id"),
    text_key("trace_id"),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    # A message or step as JSON, or a payload's text, as it came.
    sa.Column("body", JsonText),
    sa.Column("data", sa.LargeBinary),
    sa.Column("media_type", sa.Text),
    sa.Column("labels", Searchable, nullable=False),
    # Estimated bytes of the event on the wire, by which pages are bounded.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("event_time", Micros, nullable=False),
    sa.Column("create_time", Micros, nullable=False),
    sa.UniqueConstraint("session_key", "event_id"),
)
sa.Index(
    "events_trace_id_idx",
    events.c.namespace,
    events.c.trace_id,
    events.c.session_key,
    events.c.sequence,
    postgresql_where=events.c.trace_id.is_not(None),
    sqlite_where=events.c.trace_id.is_not(None),
)
