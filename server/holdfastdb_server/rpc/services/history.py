"""HistoryService: the append-only histories of sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceServicer
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.events import AppendResult, EventFilter
from holdfastdb_server.domain.ids import check_id, check_optional_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.values import check_not_negative
from holdfastdb_server.rpc.context import Context, current_call, namespace
from holdfastdb_server.rpc.convert import events, paging
from holdfastdb_server.rpc.convert.scalars import read_optional_count


class HistoryService(HistoryServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._events = store.events

    async def AppendEvents(
        self, request: pb.AppendEventsRequest, context: Context
    ) -> pb.AppendEventsResponse:
        return events.write_append_result(await self._append(request))

    async def BatchAppendEvents(
        self, request: pb.BatchAppendEventsRequest, context: Context
    ) -> pb.BatchAppendEventsResponse:
        appends = map(self._append, events.read_batch(request))
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        return events.write_batch(outcomes, current_call.get())

    async def _append(self, request: pb.AppendEventsRequest) -> AppendResult:
        return await self._events.append(
            namespace(),
            check_id("session_id", request.session_id),
            events.read_events(request),
            read_optional_count(request, "expected_last_sequence"),
        )

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        where = events.read_filter(request.filter)
        after = check_not_negative("after_sequence", request.after_sequence)
        before = check_not_negative("before_sequence", request.before_sequence)
        if not request.session_id:
            return await self._list_trace(request, where)
        session_id = check_id("session_id", request.session_id)
        wanted, scope = paging.read_page(paging.EVENTS, request)
        page = await self._events.list(namespace(), session_id, where, wanted, after, before)
        return paging.write_page(events.write_events(page.items), scope, page)

    async def _list_trace(self, request: pb.ListEventsRequest, where: EventFilter) -> pb.ListEventsResponse:
        if not where.trace_id:
            raise InvalidField("session_id", "is required without `filter.trace_id`")
        if request.after_sequence or request.before_sequence:
            field = "after_sequence" if request.after_sequence else "before_sequence"
            raise InvalidField(field, "needs a `session_id`")
        wanted, scope = paging.read_page(paging.TRACE, request)
        page = await self._events.list_trace(namespace(), where, wanted)
        return paging.write_page(events.write_events(page.items), scope, page)

    async def TailEvents(
        self, request: pb.TailEventsRequest, context: Context
    ) -> AsyncIterator[pb.TailEventsResponse]:
        session_id = check_id("session_id", request.session_id)
        after = check_not_negative("after_sequence", request.after_sequence)
        where = events.read_filter(request.filter)
        tail = self._events.tail(namespace(), session_id, None if request.only_new else after, where)
        async with aclosing(cast("Any", tail)) as news:
            async for new in news:
                yield events.write_tail(new)

    async def ReplaceEvents(
        self, request: pb.ReplaceEventsRequest, context: Context
    ) -> pb.ReplaceEventsResponse:
        replaced = await self._events.replace(
            namespace(),
            check_id("session_id", request.session_id),
            events.read_replacement(request),
            read_optional_count(request, "expected_last_sequence"),
            check_optional_id("request_id", request.request_id),
        )
        return events.write_replace_result(replaced)

    async def SummarizeEvents(
        self, request: pb.SummarizeEventsRequest, context: Context
    ) -> pb.SummarizeEventsResponse:
        session_id = check_id("session_id", request.session_id)
        groups, bucket = events.read_groups(request)
        where = events.read_filter(request.filter)
        summaries = await self._events.summarize(namespace(), session_id, where, groups, bucket)
        return events.write_summaries(summaries)
