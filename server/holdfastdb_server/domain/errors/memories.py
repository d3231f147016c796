"""Errors of memories."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import NotFound


class MemoryNotFound(NotFound):
    """No memory has this id in this namespace."""

    reason = "MEMORY_NOT_FOUND"

    def __init__(self, memory_id: str) -> None:
        super().__init__(f"no memory '{memory_id}'", memory_id=memory_id)
