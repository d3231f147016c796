"""Memories for tests to store."""

from __future__ import annotations

from typing import Any

from holdfastdb_server.domain.memories import (
    Memory,
    MemoryChange,
    MemoryDraft,
    MemoryFields,
    MemoryFilter,
    MemoryMatch,
    MemorySearch,
)
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.search import check_query
from tests.support.content import NAMESPACE


def memory_draft(memory_id: str = "m", lesson: str = "learnt", **fields: Any) -> MemoryDraft:
    """Return a checked draft. `fields` are those of MemoryFields."""
    return MemoryDraft(memory_id, MemoryFields(lesson=lesson, **fields)).checked()


async def keep(
    store: Store, memory_id: str = "m", lesson: str = "learnt", *, namespace: str = NAMESPACE, **fields: Any
) -> Memory:
    """Keep a memory."""
    return await store.memories.create(namespace, memory_draft(memory_id, lesson, **fields))


async def change(
    store: Store,
    memory_id: str = "m",
    *,
    merges: bool = False,
    expected: int | None = None,
    request_id: str = "",
    **fields: Any,
) -> Memory:
    """Change the given fields of a memory."""
    replaced = set(fields) - ({"labels", "metadata"} if merges else set())
    wanted = MemoryChange(MemoryFields(**fields), frozenset(replaced), merges).checked()
    return await store.memories.update(NAMESPACE, memory_id, wanted, expected, request_id)


async def search(
    store: Store,
    query: str,
    *,
    match_all: bool = False,
    count_use: bool = False,
    page: PageRequest | None = None,
    request_id: str = "",
    namespace: str = NAMESPACE,
    **where: Any,
) -> Page[MemoryMatch]:
    """Search for the words of a query. `where` has the fields of MemoryFilter."""
    wanted = MemorySearch(check_query("query", query), match_all, MemoryFilter(**where).checked(), count_use)
    return await store.memories.search(namespace, wanted, page or PageRequest(100), request_id)


async def found(store: Store, query: str, **options: Any) -> list[str]:
    """Return the ids of the memories that a search finds, best first."""
    return [match.memory.memory_id for match in (await search(store, query, **options)).items]
