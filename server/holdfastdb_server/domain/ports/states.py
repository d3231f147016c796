"""The storage port: states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.states import State, StateFilter, StatePatch, StateSelection, StateWrite


class StateStore(Protocol):
    """The versioned states of a session."""

    async def save(
        self, namespace: str, session_id: str, writes: Sequence[StateWrite], request_id: str = ""
    ) -> Sequence[State]:
        """Save every write as the next version of its key, or none; return them without payloads.

        Versions of a key beyond the number kept are deleted, the oldest first. Counts as activity of the
        session. Raises SessionNotFound, SessionEnded, and VersionMismatch naming the first stale key.
        """
        ...

    async def patch(self, namespace: str, session_id: str, patch: StatePatch, request_id: str = "") -> State:
        """Merge the patch into the newest version (RFC 7396), save and return the result.

        The metadata is carried over. Raises SessionNotFound, StateNotFound, SessionEnded, VersionMismatch,
        StateNotPatchable if the state holds bytes, and InvalidField if the result passes a bound.
        """
        ...

    async def load(self, namespace: str, session_id: str, key: str, version: int | None = None) -> State:
        """Return a version of the state, the newest if None. Raises SessionNotFound, StateNotFound."""
        ...

    async def list(
        self, namespace: str, session_id: str, where: StateFilter, page: PageRequest
    ) -> Page[State]:
        """Return the states that match all of `where`, by key in byte order, the newest version of each.

        With `all_versions` every kept version, newer before older in either direction. The cursor is
        (key, version). A page ends before it passes PAGE_BYTES but has at least one item. Raises
        SessionNotFound.
        """
        ...

    async def delete(self, namespace: str, session_id: str, which: StateSelection) -> int:
        """Delete the selected keys with all versions and return how many there were.

        A key saved again starts at version 1. Raises SessionNotFound and SessionEnded.
        """
        ...
