"""Calls that no client of ours would make."""

from __future__ import annotations

import pytest

import holdfastdb
from holdfastdb.v1 import history_service_pb2 as history_pb
from tests.hostile.raw import Raw


@pytest.fixture
async def raw(client: holdfastdb.AsyncClient, session_id: str) -> Raw:
    """Raw calls to the shared server, and a session with one event and one state."""
    raw = Raw(client, session_id)
    await raw(raw.append(history_pb.Event(event_id="first", type="note")))
    await client.states.save(session_id, {"a": 1}, "kept")
    return raw
