"""Each store that a test is given has a task of another tenant, which must stay as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.tasks import add


@pytest.fixture
async def store(store: SqlStore) -> AsyncIterator[SqlStore]:
    """A store with a task that is older and more urgent than a test's, with an id and keys of theirs."""
    keys = {"idempotency_key": "i", "dedupe_key": "k"}
    neighbour = await add(store, "t", namespace="stranger", priority=2**31 - 1, **keys)
    yield store
    assert await store.tasks.get("stranger", "t") == neighbour
