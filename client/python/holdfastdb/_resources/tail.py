"""A tail: the events of a session as they are committed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import grpc

from holdfastdb._convert.events import from_event
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.retries import backoff
from holdfastdb._transport.rpc_errors import from_rpc_error
from holdfastdb.errors import HoldfastError, Unavailable
from holdfastdb.types.events import Event
from holdfastdb.v1 import history_service_pb2 as pb


class AsyncTail:
    """The events of a session, one by one, without end. `client.history.tail` makes it.

    The iteration may be interrupted and resumed, also after a cancelled wait (`asyncio.timeout`): it
    continues after the last event that it returned. One task reads it at a time. It ends when it or its
    client is closed.
    """

    def __init__(
        self, connection: Connection, request: pb.TailEventsRequest, give_up_after: float | None
    ) -> None:
        self._connection = connection
        self._request = request
        self._give_up_after = give_up_after
        self._call: grpc.aio.UnaryStreamCall[pb.TailEventsRequest, pb.TailEventsResponse] | None = None
        self._call_id = ""
        self._pending: deque[Event] = deque()
        self._begun = False
        self._caught_up = False
        self._failures = 0
        self._lost_at = 0.0
        self._closed = asyncio.Event()

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read from the server."""
        return self._caught_up

    @property
    def last_sequence(self) -> int:
        """The sequence of the last event returned, where another tail would continue."""
        return self._pending[0].sequence - 1 if self._pending else self._request.after_sequence

    async def backlog(self) -> AsyncIterator[Event]:
        """The events up to the moment when the tail has caught up; nothing if it already has."""
        while not self._caught_up:
            while self._pending:
                yield self._pending.popleft()
            if not await self._read():
                return

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._pending:
            if not await self._read():
                raise StopAsyncIteration
        return self._pending.popleft()

    async def __aenter__(self) -> Self:
        """Wait until the tail has begun: from here on it misses nothing, also with `only_new`."""
        if not self._begun:
            await self._read()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the tail; an iteration that waits for the next event ends."""
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    async def _read(self) -> bool:
        """Take one message from the stream, connecting as often as needed. False: the tail is closed."""
        while not self._closed.is_set():
            try:
                message = await self._open().read()
            except grpc.aio.AioRpcError as error:
                self._call = None
                lost = from_rpc_error(error, self._call_id)
                if not isinstance(lost, Unavailable):
                    raise lost from error
            except asyncio.CancelledError:
                # gRPC cancels the stream with the task that reads it. It also raises this in a task that was
                # not cancelled, when the stream is closed during the read.
                self._call = None
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                continue
            else:
                if isinstance(message, pb.TailEventsResponse):
                    self._take(message)
                    return True
                # By the contract the stream has no end, but a proxy may end it.
                self._call = None
                lost = Unavailable("the stream ended", call_id=self._call_id)
            await self._back_off(lost)
        return False

    def _open(self) -> grpc.aio.UnaryStreamCall[pb.TailEventsRequest, pb.TailEventsResponse]:
        if self._call is None:
            self._connection.streams.add(self)
            self._call_id, metadata = self._connection.call_metadata()
            self._call = self._connection.stubs.history.TailEvents(self._request, metadata=metadata)
        return self._call

    def _take(self, message: pb.TailEventsResponse) -> None:
        self._begun = True
        self._failures = 0
        if message.WhichOneof("content") == "caught_up":
            self._caught_up = True
            if self._request.only_new:
                self._continue_after(message.caught_up.last_sequence)
            return
        for event in message.batch.events:
            if event.sequence > self._request.after_sequence:
                self._pending.append(from_event(event))
                self._continue_after(event.sequence)

    def _continue_after(self, sequence: int) -> None:
        self._request.after_sequence = sequence
        self._request.only_new = False

    async def _back_off(self, lost: HoldfastError) -> None:
        now = asyncio.get_running_loop().time()
        if self._failures == 0:
            self._lost_at = now
        delay = backoff(self._failures, lost)
        limit = self._give_up_after
        if limit is None and not self._begun:
            limit = self._connection.timeout
        if limit is not None and now + delay > self._lost_at + limit:
            self._failures = 0
            raise lost
        self._failures += 1
        try:
            async with asyncio.timeout(delay):
                await self._closed.wait()
        except TimeoutError:
            pass
