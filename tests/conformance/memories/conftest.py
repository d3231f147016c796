"""Each test of this folder runs beside another tenant's memories of the same ids and words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.domain.memories import Memory, MemoryFilter
from holdfastdb_server.domain.ports import Store
from tests.support.content import read_all
from tests.support.memories import keep

STRANGER = "stranger"


@pytest.fixture(autouse=True)
async def neighbours(store: Store) -> AsyncIterator[None]:
    """Another tenant's memories, which no test changes."""
    for memory_id in ("m", "m0", "whole", "new", "absent"):
        await keep(store, memory_id, "needle red green old new words", tool_name="t", namespace=STRANGER)
    before = await _memories(store)
    yield
    assert await _memories(store) == before


async def _memories(store: Store) -> list[Memory]:
    return await read_all(lambda page: store.memories.list(STRANGER, MemoryFilter(), page), size=100)
