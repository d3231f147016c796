"""The storage port: sessions."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    Session,
    SessionChange,
    SessionDraft,
    SessionFilter,
    Transition,
)


class SessionStore(Protocol):
    """Sessions and their life cycle."""

    async def create(self, namespace: str, draft: SessionDraft) -> Session:
        """Create the session, pending, at version 1 and sequence 0, and return it.

        If a session with this id was created from the same draft, return that as it is now. Raises IdTaken
        if it was created from another one, and SessionNotFound if the parent does not exist.
        """
        ...

    async def get(self, namespace: str, session_id: str) -> Session:
        """Return the session. Raises SessionNotFound if it is absent."""
        ...

    async def list(self, namespace: str, where: SessionFilter, page: PageRequest) -> Page[Session]:
        """Return the sessions that match all of `where`, by creation time.

        The cursor is (creation time in microseconds, key). A session that exists from the first page to the
        last is returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
        """
        ...

    async def update(
        self,
        namespace: str,
        session_id: str,
        change: SessionChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Session:
        """Change the fields, raise the version by one, and return the session.

        A change without effect leaves the version as it is. Raises SessionNotFound, VersionMismatch if
        `expected_version` is not the actual one, and InvalidField if the result is out of bounds.
        """
        ...

    async def transition(
        self,
        namespace: str,
        session_id: str,
        move: Transition,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Session:
        """Change the status, append `holdfast.session.<status>` in the same transaction, return the session.

        A final status sets `end_time`. Raises SessionNotFound, TransitionNotAllowed and VersionMismatch.
        """
        ...

    async def delete(self, namespace: str, session_id: str, expected_version: int | None = None) -> None:
        """Delete the session and all that belongs to it. Raises SessionNotFound and VersionMismatch."""
        ...

    async def fork(self, namespace: str, session_id: str, draft: ForkDraft) -> Session:
        """Copy the session with its events and states up to a sequence, and return the copy, pending.

        Events keep their ids, sequences and times, states their versions; the newest version of a key is
        the newest that was copied. `holdfast.session.forked` is appended to the copy, whose parent is the
        source. The source is not changed. If a session with the copy's id was made by the same draft,
        return that as it is now. Raises SessionNotFound, IdTaken, and InvalidField if the sequence is
        greater than the last one.
        """
        ...
