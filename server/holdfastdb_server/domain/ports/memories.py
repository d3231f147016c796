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
    """Memories and the full-text search for them."""

    async def create(self, namespace: str, draft: MemoryDraft) -> Memory:
        """Create the memory, at version 1 and with no uses, and return it.

        If a memory with this id was created from the same draft, return that as it is now. Raises IdTaken
        if it was created from another one.
        """
        ...

    async def get(self, namespace: str, memory_id: str) -> Memory:
        """Return the memory. Raises MemoryNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: MemoryFilter, page: PageRequest) -> Page[Memory]:
        """Return the memories that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). A memory that exists from the first page to the
        last is returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
        """
        ...

    async def search(
        self, namespace: str, search: MemorySearch, page: PageRequest, request_id: str = ""
    ) -> Page[MemoryMatch]:
        """Return the memories in which at least one of the words matches, or with `match_all` every one.

        A word matches a word of the lesson, the context or the tool name that begins with it. The score
        is the number of matching words, those that do not match in the lesson counted as one half,
        divided by the number of words. The order is by score, confidence and creation time, descending.
        The cursor is (twice the counted number, confidence as text, creation time in microseconds, key).
        A page has at most PAGE_BYTES bytes, or one item that is larger. With `count_use` the `use_count`
        of each memory of the page rises by one and its `last_use_time` is set; its version is not
        changed.
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

        A change without effect leaves the version as it is. Raises MemoryNotFound, VersionMismatch, and
        InvalidField if the result is out of bounds.
        """
        ...

    async def delete(self, namespace: str, memory_id: str, expected_version: int | None = None) -> None:
        """Delete the memory. Raises MemoryNotFound and VersionMismatch."""
        ...
