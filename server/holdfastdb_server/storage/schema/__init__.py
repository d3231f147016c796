"""The tables. Migrations make them; a test holds the two against each other.

Every table that belongs to a session has `session_key` at the head of its keys, so that it can be
partitioned or distributed by it. Optional ids are NULL when empty: their indexes leave those rows out.
"""

from __future__ import annotations

from holdfastdb_server.storage.schema.approvals import approvals
from holdfastdb_server.storage.schema.base import metadata
from holdfastdb_server.storage.schema.documents import document_full_text, document_members, documents
from holdfastdb_server.storage.schema.events import events
from holdfastdb_server.storage.schema.leadership import leadership
from holdfastdb_server.storage.schema.memories import memories, memory_full_text
from holdfastdb_server.storage.schema.plans import plan_items, plans
from holdfastdb_server.storage.schema.requests import requests
from holdfastdb_server.storage.schema.runs import runs
from holdfastdb_server.storage.schema.sessions import sessions
from holdfastdb_server.storage.schema.states import state_versions, states
from holdfastdb_server.storage.schema.tasks import tasks

__all__ = [
    "approvals",
    "document_full_text",
    "document_members",
    "documents",
    "events",
    "leadership",
    "memories",
    "memory_full_text",
    "metadata",
    "plan_items",
    "plans",
    "requests",
    "runs",
    "sessions",
    "state_versions",
    "states",
    "tasks",
]
