"""The storage port: what every engine must do, sentence by sentence.

Each sentence has a test in `tests/conformance/`, which runs unchanged on every engine. All methods
may raise DatabaseUnavailable, and SchemaMismatch while the schema is not ours; a method that raises has
changed nothing. Values come in checked (see the nouns' `checked`) and in one namespace; what is in
another one does not exist.

A `request_id` that is not empty makes a write repeatable: repeating it with the same request changes
nothing and returns the first result. With another request it raises RequestIdTaken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from holdfast_server.domain.events import (
    Appended,
    CaughtUp,
    Event,
    EventFilter,
    EventSummary,
    Grouping,
    Replaced,
    Replacement,
)
from holdfast_server.domain.paging import Page, PageRequest
from holdfast_server.domain.sessions import (
    ForkDraft,
    Session,
    SessionChange,
    SessionDraft,
    SessionFilter,
    Transition,
)
from holdfast_server.domain.states import State, StateFilter, StatePatch, StateSelection, StateWrite


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


class EventStore(Protocol):
    """The history of a session."""

    async def append(
        self,
        namespace: str,
        session_id: str,
        events: Sequence[Event],
        expected_last_sequence: int | None = None,
    ) -> Appended:
        """Append the events with the next sequences, all or none.

        An event that is there with the same content is not appended again and gets its first receipt; if
        all are, the expectation is not looked at. Counts as activity of the session. Raises SessionNotFound,
        EventIdTaken and SequenceMismatch.
        """
        ...

    async def list(
        self,
        namespace: str,
        session_id: str,
        where: EventFilter,
        page: PageRequest,
        after_sequence: int = 0,
        before_sequence: int = 0,
    ) -> Page[Event]:
        """Return the events strictly between the sequences (0: no bound) that match all of `where`, in order.

        The cursor is (sequence,). A page ends before it passes PAGE_BYTES but has at least one item. Raises
        SessionNotFound.
        """
        ...

    async def list_trace(self, namespace: str, where: EventFilter, page: PageRequest) -> Page[Event]:
        """Return the events of `where.trace_id` in all sessions, by session and sequence.

        The cursor is (session key, sequence). Pages end as those of `list`.
        """
        ...

    def tail(
        self,
        namespace: str,
        session_id: str,
        after_sequence: int | None,
        where: EventFilter,
    ) -> AsyncIterator[Sequence[Event] | CaughtUp]:
        """Yield the events after the sequence (None: after the newest), in order and each once, without end.

        CaughtUp comes once, after what was there at the start. The iterator waits while the database is
        away and goes on when it is back. Raises SessionNotFound, at the start or when the session is deleted;
        ServerDraining when the store is closing; Overloaded when there are too many tails.
        """
        ...

    async def replace(
        self,
        namespace: str,
        session_id: str,
        replacement: Replacement,
        expected_last_sequence: int | None = None,
        request_id: str = "",
    ) -> Replaced:
        """Remove the events that the replacement names, but none of the server's own, and append its events.

        The removed sequences are never given again. If any was removed, `holdfast.history.replaced` is
        appended first. The ids of removed events may be used again; no other id of the history may. Raises
        SessionNotFound, SequenceMismatch and EventIdTaken.
        """
        ...

    async def summarize(
        self,
        namespace: str,
        session_id: str,
        where: EventFilter,
        groups: Sequence[Grouping],
        bucket_seconds: int = 0,
    ) -> Sequence[EventSummary]:
        """Return the counts by time bucket, type and actor, in that order, ascending.

        Raises SessionNotFound, and LimitExceeded if there are more than SUMMARY_GROUPS groups.
        """
        ...


class Store(Protocol):
    """All nouns of one database."""

    @property
    def sessions(self) -> SessionStore:
        """Sessions and their life cycle."""
        ...

    @property
    def states(self) -> StateStore:
        """The versioned states of a session."""
        ...

    @property
    def events(self) -> EventStore:
        """The history of a session."""
        ...

    @property
    def is_available(self) -> bool:
        """Whether the database could be reached, with our schema, when last looked at."""
        ...

    async def drain_tails(self) -> None:
        """End every tail with ServerDraining, and refuse new ones."""
        ...
