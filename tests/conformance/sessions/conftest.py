"""Each test of this folder runs beside sessions of another tenant with the same ids, and changes none."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.states import StateFilter
from tests.support.content import append, create, history, notes, save, write

STRANGER = "stranger"
_IDS = ("s", "f")


@pytest.fixture(autouse=True)
async def neighbours(store: Store) -> AsyncIterator[None]:
    """Sessions `s` and `f` of another tenant, who has them afterwards as they were."""
    for session_id in _IDS:
        await create(store, session_id, namespace=STRANGER)
        await append(store, *notes(3), session_id=session_id, namespace=STRANGER)
        await save(store, write("k", '"another\'s"'), session_id=session_id, namespace=STRANGER)
    before = [await _content(store, session_id) for session_id in _IDS]
    yield
    assert [await _content(store, session_id) for session_id in _IDS] == before


async def _content(store: Store, session_id: str) -> tuple[object, ...]:
    states = await store.states.list(STRANGER, session_id, StateFilter(all_versions=True), PageRequest(10))
    session = await store.sessions.get(STRANGER, session_id)
    return session, await history(store, session_id, STRANGER), states
