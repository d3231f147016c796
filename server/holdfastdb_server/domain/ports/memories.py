"""The storage port: memories."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.memories import (
    Memory,
    MemoryChange,
    MemoryDraft,
    MemoryFilter,
    MemoryMatch,
    MemorySearch,
)
from holdfastdb_server.domain.paging import Page, PageRequest


class MemoryStore(Protocol):
    """Memories, and the search for them."""

    async def create(self, namespace: str, draft: MemoryDraft) -> Memory:
        """Keep the memory, at version 1 and never used, and return it.

        If a memory with this id was created from the same draft, return that as it is now. Raises IdTaken
        if it was created from another one.
        """
        ...

    async def get(self, namespace: str, memory_id: str) -> Memory:
        """Return the memory. Raises MemoryNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: MemoryFilter, page: PageRequest) -> Page[Memory]:
        """Return the memories that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). A memory that is there during the whole of the
        paging is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one item.
        """
        ...

    async def search(
        self, namespace: str, search: MemorySearch, page: PageRequest, request_id: str = ""
    ) -> Page[MemoryMatch]:
        """Return the memories with at least one of the words, best first; with `match_all`, with each.

        A word is found where one begins so, in the lesson, the context or the tool name. The score is the
        share of the words that are found; one that is not found in the lesson counts half. Among equals the
        surer ones come first, then the newer ones. The cursor is (points, confidence as text, creation time
        in microseconds, key). A page ends before it passes PAGE_BYTES but has at least one item. With
        `count_use` the memories on the page count a use and have its time; their versions stay.
        """
        ...

    async def update(
        self,
        namespace: str,
        memory_id: str,
        change: MemoryChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Memory:
        """Change the fields, raise the version by one, and return the memory.

        A change without effect leaves the version. Raises MemoryNotFound, VersionMismatch, and InvalidField
        if the result passes a bound.
        """
        ...

    async def delete(self, namespace: str, memory_id: str, expected_version: int | None = None) -> None:
        """Delete the memory. Raises MemoryNotFound and VersionMismatch."""
        ...
