"""The storage port: events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from holdfastdb_server.domain.events import (
    AppendResult,
    CaughtUp,
    Event,
    EventFilter,
    EventGrouping,
    EventSummary,
    Replacement,
    ReplaceResult,
)
from holdfastdb_server.domain.paging import Page, PageRequest


class EventStore(Protocol):
    """The history of a session."""

    async def append(
        self,
        namespace: str,
        session_id: str,
        events: Sequence[Event],
        expected_last_sequence: int | None = None,
    ) -> AppendResult:
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
    ) -> ReplaceResult:
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
        groups: Sequence[EventGrouping],
        bucket_seconds: int = 0,
    ) -> Sequence[EventSummary]:
        """Return the counts by time bucket, type and actor, in that order, ascending.

        Raises SessionNotFound, and LimitExceeded if there are more than SUMMARY_GROUPS groups.
        """
        ...
