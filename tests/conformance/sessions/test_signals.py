"""SessionStore.delete: whoever follows the session learns of it at once, not by a poll."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, note
from tests.support.stores import OpenStore
from tests.support.tailing import following
from tests.support.waiting import PATIENCE


@pytest.fixture
async def store(open_store: OpenStore) -> SqlStore:
    """A store that does not poll while a test lasts."""
    return await open_store(poll_interval=PATIENCE * 10)


async def test_deleting_the_session_ends_its_tails_without_a_poll(store: SqlStore) -> None:
    await create(store)
    await append(store, note("e1"))
    async with following(store) as tail:
        await tail.until_caught_up()
        await store.sessions.delete(NAMESPACE, "s")
        assert isinstance(await tail.until_ended(), SessionNotFound)
