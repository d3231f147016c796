"""Each store that a test is given has a run of another tenant, which must stay as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.runs import start


@pytest.fixture
async def store(store: SqlStore) -> AsyncIterator[SqlStore]:
    """A store with a run that has the id of a test's."""
    neighbour = await start(store, "r", namespace="stranger")
    yield store
    assert await store.runs.get("stranger", "r") == neighbour
