"""The request batcher: concurrent requests share one statement or one transaction."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from msgspec import Struct

from holdfastdb_server.domain.errors import Overloaded
from holdfastdb_server.storage.observer import StorageObserver

# A batch waits for more requests at most this many times, so many seconds each: in 4 ms some thirty arrive.
_MAX_PAUSES = 4
_PAUSE_SECONDS = 0.001
# From this many requests in flight on, more may be on their way than were counted; below it, all callers are
# known.
_MANY_IN_FLIGHT = 8
# CPU share above which the event loop, not the database, is the bottleneck.
_HIGH_CPU_SHARE = 0.5

Q = TypeVar("Q")
A = TypeVar("A")


class PendingRequest(Struct, Generic[Q, A], eq=False):
    """A request and the future of its answer."""

    request: Q
    size: int
    """In bytes, about."""
    answer: asyncio.Future[A]

    def succeed(self, answer: A) -> None:
        """Answer it, unless its caller has cancelled."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Fail it, unless its caller has cancelled."""
        if not self.answer.done():
            self.answer.set_exception(error)


class _CpuShare:
    """Measures how busy this thread is."""

    def __init__(self) -> None:
        self._measured_at = time.perf_counter()
        self._cpu_time = time.thread_time()

    def is_high(self) -> bool:
        """Whether this thread used more than _HIGH_CPU_SHARE of a CPU since the last call."""
        now, cpu_time = time.perf_counter(), time.thread_time()
        share = (cpu_time - self._cpu_time) / (now - self._measured_at)
        self._measured_at, self._cpu_time = now, cpu_time
        return share > _HIGH_CPU_SHARE


class RequestBatcher(Generic[Q, A]):
    """Collects concurrent requests into batches, and runs up to `parallel` batches at a time.

    What is batched: all requests that are queued when a batch starts, in the order of `submit`, up to
    `max_requests` and up to `max_bytes` (a larger request is a batch of its own). `run` gets the batch and
    must answer every request in it.

    When a batch starts: as soon as fewer than `parallel` run. A single request does not wait for others. If
    the event loop is busy, more requests have arrived than it has read, and the batch waits for them, for
    _MAX_PAUSES times _PAUSE_SECONDS at most: until the event loop is idle, or `max_requests` are queued, or,
    where less than _MANY_IN_FLIGHT callers were active lately, each of them has a request queued.

    Backpressure: `submit` raises Overloaded when `max_waiting` requests are queued.

    Errors: an exception of `run` fails those requests of its batch that are not answered yet, and no others.
    """

    def __init__(
        self,
        kind: str,
        run: Callable[[Sequence[PendingRequest[Q, A]]], Awaitable[None]],
        observer: StorageObserver,
        *,
        parallel: int,
        max_waiting: int,
        max_requests: int = 512,
        max_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self._kind = kind
        self._run = run
        self._observer = observer
        self._parallel = parallel
        self._max_waiting = max_waiting
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._cpu_share = _CpuShare()
        self._queue: deque[PendingRequest[Q, A]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        # Whether a worker is waiting for more requests, and what ends its present pause early.
        self._is_collecting = False
        self._pause: asyncio.Future[None] | None = None
        # Requests that are queued or run: how many now, and how many at most since the last batch started.
        self._in_flight = 0
        self._most_in_flight = 0

    def submit(self, request: Q, size: int = 0) -> asyncio.Future[A]:
        """Queue a request of about this many bytes; return the future of its answer. Raises Overloaded.

        To cancel the future takes the request back, unless its batch has started.
        """
        if len(self._queue) >= self._max_waiting:
            raise Overloaded(f"{len(self._queue)} requests are waiting for the database; retry later")
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._queue.append(PendingRequest(request, size, answer))
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        if self._pause is not None and self._is_batch_complete():
            _end(self._pause)
        self._start_worker()
        return answer

    def _is_batch_complete(self) -> bool:
        """Whether no more requests are expected, or no more fit."""
        has_all_callers = self._most_in_flight < _MANY_IN_FLIGHT and self._in_flight >= self._most_in_flight
        return has_all_callers or len(self._queue) >= self._max_requests

    def _start_worker(self) -> None:
        if not self._is_collecting and len(self._workers) < self._parallel:
            self._is_collecting = True
            # An empty context: a batch serves many callers, and must not log under the call of one of them.
            self._workers.add(asyncio.create_task(self._work(), context=contextvars.Context()))

    async def _work(self) -> None:
        """Run batches until the queue is empty."""
        while True:
            await self._wait_for_more()
            batch = self._next_batch()
            self._is_collecting = False
            if self._queue:
                self._start_worker()
            if batch:
                await self._run_batch(batch)
            if self._is_collecting or not self._queue:
                break
            self._is_collecting = True
        # Here and not in a callback of the task, which runs later: a caller whom the last batch woke may
        # submit again before, and would find a worker that has already seen the queue empty.
        self._workers.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _run_batch(self, batch: Sequence[PendingRequest[Q, A]]) -> None:
        began = time.perf_counter()
        try:
            await self._run(batch)
        except Exception as error:  # noqa: BLE001  # it is handed to each caller
            for pending in batch:
                pending.fail(error)
        self._in_flight -= len(batch)
        self._observer.batch_written(self._kind, len(batch), time.perf_counter() - began)

    async def _wait_for_more(self) -> None:
        """Wait while the event loop is busy, for requests that it has not read yet."""
        await asyncio.sleep(0)
        for _ in range(_MAX_PAUSES):
            if not self._cpu_share.is_high() or self._is_batch_complete():
                break
            await self._wait_for_pause()
        self._most_in_flight = self._in_flight

    async def _wait_for_pause(self) -> None:
        """Wait for _PAUSE_SECONDS, or until `submit` finds the batch complete."""
        loop = asyncio.get_running_loop()
        self._pause = loop.create_future()
        loop.call_later(_PAUSE_SECONDS, _end, self._pause)
        try:
            await self._pause
        finally:
            self._pause = None

    def _next_batch(self) -> list[PendingRequest[Q, A]]:
        """Take the next batch out of the queue; cancelled requests are dropped."""
        batch: list[PendingRequest[Q, A]] = []
        size = 0
        while self._queue and len(batch) < self._max_requests:
            size += self._queue[0].size
            if batch and size > self._max_bytes:
                break
            pending = self._queue.popleft()
            if pending.answer.cancelled():
                self._in_flight -= 1
            else:
                batch.append(pending)
        return batch

    async def close(self) -> None:
        """Wait for the batches under way."""
        await asyncio.gather(*self._workers, return_exceptions=True)


def _end(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)
