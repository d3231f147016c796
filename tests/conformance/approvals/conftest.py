"""Each store that a test is given has an approval of another tenant, which must stay as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import ask


@pytest.fixture
async def store(store: SqlStore) -> AsyncIterator[SqlStore]:
    """A store with an approval that has the id of a test's."""
    neighbour = await ask(store, "a", namespace="stranger")
    yield store
    assert await store.approvals.get("stranger", "a") == neighbour
