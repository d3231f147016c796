"""The table of leadership."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros, text_key
from holdfastdb_server.storage.schema.base import metadata

# Which server is the leader for some work, and until when. See storage/janitor/leadership.py.
leadership = sa.Table(
    "leadership",
    metadata,
    text_key("name", primary_key=True),
    text_key("holder", nullable=False),
    sa.Column("expire_time", Micros, nullable=False),
)
