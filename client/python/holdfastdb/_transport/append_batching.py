"""Batching of concurrent appends: one call with several costs less than a call for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfastdb._ids import new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.rpc_errors import from_status
from holdfastdb.errors import Unavailable
from holdfastdb.v1 import history_service_pb2 as pb

# Bounds of one call, unless one append alone is larger. The contract allows 100 requests with 1,000 events;
# with smaller calls the server carries out one while the client encodes the next.
_REQUESTS = 16
_EVENTS = 1_000
_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class _PendingAppend:
    """An append, and the future of its response: None tells its caller to send it as a call of its own."""

    request: pb.AppendEventsRequest
    response: asyncio.Future[pb.AppendEventsResponse | None]
    call: _BatchCall | None = None

    def succeed(self, response: pb.AppendEventsResponse | None) -> None:
        """Set the response, unless the caller was cancelled."""
        if not self.response.done():
            self.response.set_result(response)

    def fail(self, error: Exception) -> None:
        """Set the error, unless the caller was cancelled."""
        if not self.response.done():
            self.response.set_exception(error)


class Appends:
    """Sends the appends that are requested in one iteration of the event loop in few calls.

    A single append is sent as AppendEvents, at once. Several with the same time limit are sent as
    BatchAppendEvents, and each gets its own response or error.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # By time limit in seconds.
        self._queued: dict[float, list[_PendingAppend]] = {}

    async def append(self, request: pb.AppendEventsRequest, timeout: float | None) -> pb.AppendEventsResponse:
        """Append. Raises HoldfastError. After a cancellation the append may or may not have been applied."""
        connection = self._connection
        method = connection.stubs.history.AppendEvents  # raises where the client cannot be used
        limit = connection.seconds(timeout)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        pending = _PendingAppend(request, loop.create_future())
        queued = self._queued.get(limit)
        if queued is None:
            self._queued[limit] = [pending]
            loop.call_soon(self._send, limit)
        else:
            queued.append(pending)
        try:
            response = await pending.response
        except asyncio.CancelledError:
            if pending.call is not None:
                pending.call.cancel_if_unused()
            raise
        if response is None:
            response = await connection.call(method, request, max(0.0, deadline - loop.time()))
        return response

    def _send(self, limit: float) -> None:
        for group in _groups(self._queued.pop(limit)):
            if len(group) == 1:
                group[0].succeed(None)
            else:
                _BatchCall(self._connection, group, limit)


class _BatchCall:
    """One BatchAppendEvents call for several callers."""

    def __init__(self, connection: Connection, group: Sequence[_PendingAppend], limit: float) -> None:
        self._connection = connection
        self._group = group
        self._limit = limit
        for pending in group:
            pending.call = self
        self._task = asyncio.create_task(self._run())

    def cancel_if_unused(self) -> None:
        """Cancel the call if all its callers were cancelled."""
        if all(pending.response.cancelled() for pending in self._group):
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._append()
        except Exception as error:  # noqa: BLE001 -- it is handed to each caller
            for pending in self._group:
                pending.fail(error)
        finally:
            # If this task was cancelled, such as at the end of the event loop, the callers are too.
            for pending in self._group:
                pending.response.cancel()

    async def _append(self) -> None:
        method = self._connection.stubs.history.BatchAppendEvents
        batch = pb.BatchAppendEventsRequest(requests=[pending.request for pending in self._group])
        call_id = new_id()
        response = await self._connection.call(method, batch, self._limit, call_id)
        for pending, result in zip(self._group, response.results[:], strict=True):
            if not result.HasField("error"):
                pending.succeed(result.response)
                continue
            error = from_status(result.error, call_id)
            if isinstance(error, Unavailable):
                pending.succeed(None)  # a call of its own is retried by gRPC, a part of a batch is not
            else:
                pending.fail(error)


def _groups(queued: Sequence[_PendingAppend]) -> Iterator[list[_PendingAppend]]:
    """The appends whose callers still wait, in groups within the bounds of one call."""
    group: list[_PendingAppend] = []
    events = size = 0
    for pending in queued:
        if pending.response.done():
            continue
        its_events, its_size = len(pending.request.events), pending.request.ByteSize()
        is_full = len(group) == _REQUESTS or events + its_events > _EVENTS or size + its_size > _BYTES
        if group and is_full:
            yield group
            group, events, size = [], 0, 0
        group.append(pending)
        events += its_events
        size += its_size
    if group:
        yield group
