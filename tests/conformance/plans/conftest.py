"""Each store that a test is given has a plan of another tenant, which must stay as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.plans import create_plan


@pytest.fixture
async def store(store: SqlStore) -> AsyncIterator[SqlStore]:
    """A store with a plan that has the id of a test's, and items with the ids of its items."""
    neighbour = await create_plan(store, "p", "a", "b", "c", namespace="stranger")
    yield store
    assert await store.plans.get("stranger", "p") == neighbour
