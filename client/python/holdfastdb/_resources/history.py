"""The events of sessions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Unpack

from holdfastdb._arguments import refused, require, require_count, require_optional_seconds
from holdfastdb._convert.enums import to_enums, to_order
from holdfastdb._convert.events import (
    from_event,
    from_event_summary,
    from_receipts,
    to_event_filter,
    write_events,
)
from holdfastdb._convert.messages import build, fill
from holdfastdb._convert.times import to_duration
from holdfastdb._ids import id_or_new
from holdfastdb._resources.tail import AsyncTail
from holdfastdb._transport.append_batching import Appends
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.events import Event, EventKind
from holdfastdb.types.history import AppendResult, EventFilter, EventGrouping, EventSummary, ReplaceResult
from holdfastdb.types.pages import Order
from holdfastdb.v1 import history_service_pb2 as pb


class AsyncHistory:
    """`client.history`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._appends = Appends(connection)

    async def append(
        self,
        session_id: str,
        events: Event | Iterable[Event],
        *,
        expected_last_sequence: int | None = None,
        timeout: float | None = None,
    ) -> AppendResult:
        """Append one event, or 1 to 1,000, all or none. They get the next sequences, in their order.

            await client.history.append("order-42", Event.message("user", "Where is my parcel?"))

        An event has its id from the start, so appending the same object again changes nothing and returns the
        first receipt. With `expected_last_sequence` (0: the history must be empty) nothing is appended unless
        it is the actual one. Concurrent appends, also to different sessions, are sent together in one call.
        Raises NotFound, AlreadyExists, SequenceMismatch.
        """
        request = pb.AppendEventsRequest()
        fill("", request, session_id=session_id)
        if expected_last_sequence is not None:
            fill("", request, expected_last_sequence=expected_last_sequence)
        write_events(request, events)
        answer = await self._appends.append(request, timeout)
        return AppendResult(from_receipts(answer.receipts), answer.last_sequence)

    def list(
        self,
        session_id: str = "",
        *,
        after_sequence: int = 0,
        before_sequence: int = 0,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[EventFilter],
    ) -> AsyncPager[Event]:
        """Events by sequence, ascending unless `order` says otherwise.

            async for event in client.history.list("order-42", kinds=[EventKind.MESSAGE]):
                print(event.sequence, event.body)
            newest = (await client.history.list("order-42", order="descending", page_size=5).page()).items

        Both bounds are exclusive; `before_sequence` 0 is none. The conditions are those of `EventFilter`;
        with `trace_id`, `session_id` may be empty: then all sessions are searched. `page_size` is 100 unless
        given, at most 1,000; `timeout` holds for each page. Raises NotFound.
        """
        request = build(
            "",
            pb.ListEventsRequest,
            session_id=session_id,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            filter=to_event_filter(conditions),
            after_sequence=after_sequence,
            before_sequence=before_sequence,
            include_total_size=include_total_size,
        )
        return paged(
            self._connection,
            lambda stubs: stubs.history.ListEvents,
            request,
            timeout,
            lambda page: map(from_event, page.events),
        )

    def tail(
        self,
        session_id: str,
        after_sequence: int = 0,
        *,
        only_new: bool = False,
        give_up_after: float | None = None,
        **conditions: Unpack[EventFilter],
    ) -> AsyncTail:
        """The events after a sequence, then each one as it is committed: once, in order, across reconnects.

            async with client.history.tail("order-42") as tail:
                async for event in tail.backlog():   # what is there already
                    replay(event)
                async for event in tail:             # what comes
                    print(event)

        `only_new` starts after the newest event instead. The conditions are those of `EventFilter`.
        A lost connection is made again, with backoff, for `give_up_after` seconds at most, by default without
        end; a first connection that fails, for the client's `timeout`. Then it raises Unavailable.
        Raises NotFound, also when the session is deleted meanwhile.
        """
        request = build(
            "",
            pb.TailEventsRequest,
            session_id=session_id,
            after_sequence=after_sequence,
            only_new=only_new,
            filter=to_event_filter(conditions),
        )
        require_optional_seconds(give_up_after, "give_up_after")
        return AsyncTail(self._connection, request, give_up_after)

    async def replace(
        self,
        session_id: str,
        events: Event | Iterable[Event],
        *,
        after_sequence: int | None = None,
        newest: int | None = None,
        kinds: Iterable[EventKind] = (),
        expected_last_sequence: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> ReplaceResult:
        """Remove events and append others in their place, at once.

            await client.history.replace("order-42", [Event.message("system", summary)],
            kinds=[EventKind.MESSAGE])

        All are removed, or those after a sequence, or so many of the newest; with `kinds`, only of these
        kinds. Events of the server's own types stay, and sequences are never used again. `clear`, `pop` and
        `rewind` say the common cases. Raises NotFound, SequenceMismatch, AlreadyExists.
        """
        given: dict[str, Any] = {"after_sequence": after_sequence, "newest": newest}
        span = {name: value for name, value in given.items() if value is not None} or {"all": True}
        if len(span) > 1:
            raise refused("newest", "give after_sequence or newest, not both")
        request = build(
            "",
            pb.ReplaceEventsRequest,
            session_id=session_id,
            kinds=to_enums(pb.EventKind, kinds, "kinds"),
            expected_last_sequence=expected_last_sequence,
            request_id=id_or_new(request_id),
            **span,
        )
        write_events(request, events)
        answer = await self._connection.call(self._connection.stubs.history.ReplaceEvents, request, timeout)
        return ReplaceResult(answer.removed_count, from_receipts(answer.receipts), answer.last_sequence)

    async def clear(
        self, session_id: str, *, expected_last_sequence: int | None = None, timeout: float | None = None
    ) -> ReplaceResult:
        """Remove all events but the server's own. See `replace`."""
        return await self.replace(
            session_id, (), expected_last_sequence=expected_last_sequence, timeout=timeout
        )

    async def pop(
        self,
        session_id: str,
        count: int = 1,
        *,
        kinds: Iterable[EventKind] = (),
        expected_last_sequence: int | None = None,
        timeout: float | None = None,
    ) -> ReplaceResult:
        """Remove the newest `count` events, fewer where there are not as many. See `replace`.

        To know which they were, list them first and pass the last sequence that you saw.
        """
        return await self.replace(
            session_id,
            (),
            newest=require_count(count, "count"),
            kinds=kinds,
            expected_last_sequence=expected_last_sequence,
            timeout=timeout,
        )

    async def rewind(
        self,
        session_id: str,
        after_sequence: int,
        *,
        expected_last_sequence: int | None = None,
        timeout: float | None = None,
    ) -> ReplaceResult:
        """Remove everything after a sequence. See `replace`."""
        return await self.replace(
            session_id,
            (),
            after_sequence=require(after_sequence, int, "after_sequence", "an integer"),
            expected_last_sequence=expected_last_sequence,
            timeout=timeout,
        )

    async def summarize(
        self,
        session_id: str,
        group_by: Iterable[EventGrouping] = (),
        *,
        bucket: timedelta | None = None,
        timeout: float | None = None,
        **conditions: Unpack[EventFilter],
    ) -> tuple[EventSummary, ...]:
        """Count events by `"type"`, `"actor"`, `"time"` or several, or all of them as one group.

            by_hour = await client.history.summarize("order-42", ["time", "type"], bucket=timedelta(hours=1))

        `"time"` needs a `bucket` of whole seconds. The conditions are those of `EventFilter`. Ordered by
        bucket, type and actor. Raises NotFound.
        """
        request = build(
            "",
            pb.SummarizeEventsRequest,
            session_id=session_id,
            group_by=to_enums(pb.EventGrouping, group_by, "group_by"),
            bucket=to_duration(bucket, "bucket"),
            filter=to_event_filter(conditions),
        )
        answer = await self._connection.call(self._connection.stubs.history.SummarizeEvents, request, timeout)
        return tuple(from_event_summary(summary) for summary in answer.summaries)
