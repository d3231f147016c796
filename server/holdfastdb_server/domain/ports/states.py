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

        Versions of a key beyond the number kept are deleted, the oldest first. Sets the session's
        `last_activity_time`. Raises SessionNotFound, SessionEnded, and VersionMismatch for the first key
        that is not at its expected version.
        """
        ...

    async def patch(self, namespace: str, session_id: str, patch: StatePatch, request_id: str = "") -> State:
        """Apply the merge patch (RFC 7396) to the newest version; save and return the result as the next.

        The new version has the metadata of the one before. Raises SessionNotFound, StateNotFound,
        SessionEnded, VersionMismatch, StateNotPatchable if the state holds bytes, and InvalidField if the
        result is out of bounds.
        """
        ...

    async def load(self, namespace: str, session_id: str, key: str, version: int | None = None) -> State:
        """Return a version of the state, the newest if None. Raises SessionNotFound, StateNotFound."""
        ...

    async def list(
        self, namespace: str, session_id: str, where: StateFilter, page: PageRequest
    ) -> Page[State]:
        """Return the states that match all of `where`, by key in byte order, the newest version of each.

        With `all_versions` every kept version, of a key the newer before the older in either order. The
        cursor is (key, version). A page has at most PAGE_BYTES bytes, or one item that is larger. Raises
        SessionNotFound.
        """
        ...

    async def delete(self, namespace: str, session_id: str, which: StateSelection) -> int:
        """Delete the selected keys with all their versions, and return the number of keys.

        The next save of a deleted key makes version 1. Raises SessionNotFound and SessionEnded.
        """
        ...
