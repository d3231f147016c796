"""Appends that are asked for at the same time travel together: a call costs more than an append does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from holdfastdb._ids import new_id
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.rpc_errors import from_status
from holdfastdb.errors import Unavailable
from holdfastdb.v1 import history_service_pb2 as pb

# What a call takes, unless one append alone is larger. The contract allows 100 requests with 1,000 events; of
# smaller calls the server carries one out while the next is being written.
_REQUESTS = 16
_EVENTS = 1_000
_BYTES = 1024 * 1024


@dataclass(slots=True, eq=False)
class _Waiting:
    """An append, and the future of its answer: None where its caller should make the call itself."""

    request: pb.AppendEventsRequest
    answer: asyncio.Future[pb.AppendEventsResponse | None]
    call: _Call | None = None

    def succeed(self, answer: pb.AppendEventsResponse | None) -> None:
        """Answer it, unless its caller has gone."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Fail it, unless its caller has gone."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Appends:
    """Sends the appends of one turn of the event loop in one call, or a few.

    An append alone goes as AppendEvents, at once. Several go as BatchAppendEvents, and each gets its own
    answer or error. Those who ask again when they are answered meet again.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # By the time that their callers give them.
        self._gathered: dict[float, list[_Waiting]] = {}

    async def append(self, request: pb.AppendEventsRequest, timeout: float | None) -> pb.AppendEventsResponse:
        """Append. Raises HoldfastError. A caller that is cancelled leaves open whether it was applied."""
        connection = self._connection
        alone = connection.stubs.history.AppendEvents  # raises where the client cannot be used
        limit = connection.seconds(timeout)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        waiting = _Waiting(request, loop.create_future())
        gathered = self._gathered.get(limit)
        if gathered is None:
            self._gathered[limit] = [waiting]
            loop.call_soon(self._send, limit)
        else:
            gathered.append(waiting)
        try:
            answer = await waiting.answer
        except asyncio.CancelledError:
            if waiting.call is not None:
                waiting.call.give_up()
            raise
        if answer is None:
            answer = await connection.call(alone, request, max(0.0, deadline - loop.time()))
        return answer

    def _send(self, limit: float) -> None:
        for crowd in _crowds(self._gathered.pop(limit)):
            if len(crowd) == 1:
                crowd[0].succeed(None)
            else:
                _Call(self._connection, crowd, limit)


class _Call:
    """One call for several callers."""

    def __init__(self, connection: Connection, crowd: Sequence[_Waiting], limit: float) -> None:
        self._connection = connection
        self._crowd = crowd
        self._limit = limit
        for waiting in crowd:
            waiting.call = self
        self._task = asyncio.create_task(self._run())

    def give_up(self) -> None:
        """A caller has gone: cancel the call if it was the last."""
        if all(waiting.answer.cancelled() for waiting in self._crowd):
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._append()
        except Exception as error:  # noqa: BLE001 -- it is handed to each caller
            for waiting in self._crowd:
                waiting.fail(error)
        finally:
            # Whoever cancelled this, such as the end of the event loop, leaves nobody waiting.
            for waiting in self._crowd:
                waiting.answer.cancel()

    async def _append(self) -> None:
        method = self._connection.stubs.history.BatchAppendEvents
        batch = pb.BatchAppendEventsRequest(requests=[waiting.request for waiting in self._crowd])
        call_id = new_id()
        response = await self._connection.call(method, batch, self._limit, call_id)
        for waiting, result in zip(self._crowd, response.results[:], strict=True):
            if not result.HasField("error"):
                waiting.succeed(result.response)
                continue
            error = from_status(result.error, call_id)
            if isinstance(error, Unavailable):
                waiting.succeed(None)  # by itself it has the retries of a call
            else:
                waiting.fail(error)


def _crowds(gathered: Sequence[_Waiting]) -> Iterator[list[_Waiting]]:
    """Those whose callers are still there, as many to a call as it takes."""
    crowd: list[_Waiting] = []
    events = size = 0
    for waiting in gathered:
        if waiting.answer.done():
            continue
        its_events, its_size = len(waiting.request.events), waiting.request.ByteSize()
        is_full = len(crowd) == _REQUESTS or events + its_events > _EVENTS or size + its_size > _BYTES
        if crowd and is_full:
            yield crowd
            crowd, events, size = [], 0, 0
        crowd.append(waiting)
        events += its_events
        size += its_size
    if crowd:
        yield crowd
