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

        An event whose id is in the history with the same content is not appended again, and its first receipt
        is returned; if that is so for all, `expected_last_sequence` is ignored. Sets the session's
        `last_activity_time`. Raises SessionNotFound, EventIdTaken and SequenceMismatch.
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

        The cursor is (sequence,). A page has at most PAGE_BYTES bytes, or one item that is larger. Raises
        SessionNotFound.
        """
        ...

    async def list_trace(self, namespace: str, where: EventFilter, page: PageRequest) -> Page[Event]:
        """Return the events of `where.trace_id` in all sessions, by session and sequence.

        Sessions come by the time of their creation. The cursor is (that time in microseconds, session key,
        sequence). Pages are as in `list`.
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

        CaughtUp is yielded once, after the events that were committed before the start. While the database is
        unavailable the iterator waits, and then continues. Raises SessionNotFound if the session does not
        exist or is deleted later; ServerDraining when the store closes; and Overloaded if too many tails are
        open.
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
        """Remove the events that the replacement names, but none of a reserved type, and append its events.

        A removed event's sequence is never used again. If an event was removed, the event
        `holdfast.history.replaced` is appended before the others. Raises SessionNotFound,
        SequenceMismatch, and EventIdTaken if an event to append has the id of one that was not removed.
        """
        ...

    async def summarize(
        self,
        namespace: str,
        session_id: str,
        where: EventFilter,
        groups: Sequence[EventGrouping],
        bucket_seconds: int,
    ) -> Sequence[EventSummary]:
        """Return the counts by time bucket, type and actor, in that order, ascending.

        The length of a bucket has no effect unless the events are grouped by it.
        Raises SessionNotFound, and LimitExceeded if there are more than SUMMARY_GROUPS groups.
        """
        ...
