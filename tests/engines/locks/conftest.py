"""A store on PostgreSQL, and the locks of its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.row_locks import RowLocks, row_locks
from tests.support.stores import StoreOpener


@pytest.fixture
async def opener(postgres_url: str) -> AsyncIterator[StoreOpener]:
    """Opens stores that do nothing of their own accord while a test lasts."""
    opener = StoreOpener(postgres_url, poll_interval=600.0)
    yield opener
    await opener.close()


@pytest.fixture
async def store(opener: StoreOpener) -> SqlStore:
    """A store that does nothing of its own accord while a test lasts."""
    return await opener()


@pytest.fixture
async def locks(postgres_url: str) -> AsyncIterator[RowLocks]:
    """The locks of the store's rows."""
    async with row_locks(postgres_url) as locks:
        yield locks
