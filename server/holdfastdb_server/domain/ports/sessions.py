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

        The cursor is (creation time in microseconds, key). A session that is there during the whole of the
        paging is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one item.
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

        A change without effect leaves the version. Raises SessionNotFound, VersionMismatch if
        `expected_version` is not the actual one, and InvalidField if the result passes a bound.
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
        """Move the session, append `holdfast.session.<status>` in the same transaction, and return it.

        A final status sets `end_time`. Raises SessionNotFound, TransitionNotAllowed and VersionMismatch.
        """
        ...

    async def delete(self, namespace: str, session_id: str, expected_version: int | None = None) -> None:
        """Delete the session and all that hangs on it. Raises SessionNotFound and VersionMismatch."""
        ...

    async def fork(self, namespace: str, session_id: str, draft: ForkDraft) -> Session:
        """Copy the session, its events and the states saved up to a sequence, and return the pending copy.

        Events keep ids, sequences and times, states their versions; the newest state of a key is the newest
        that was copied. `holdfast.session.forked` follows in the copy; the source is its parent and is not
        changed. If the copy was forked by the same draft, return it as it is now. Raises SessionNotFound,
        IdTaken, and InvalidField if the sequence is beyond the last one.
        """
        ...
