"""Gathering: concurrent requests travel together."""

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

# For how many pauses of so many seconds a batch may wait for those who are on their way: some thirty calls.
_PAUSES = 4
_PAUSE_SECONDS = 0.001
# So many callers at a time are taken for a part of a crowd that still grows.
_LARGE_CROWD = 8
# Which share of its time the thread works when it is the calls that wait for it, and not it for them.
_HIGH_LOAD = 0.5

Q = TypeVar("Q")
A = TypeVar("A")


class Waiting(Struct, Generic[Q, A], eq=False):
    """A request and the future of its answer."""

    request: Q
    weight: int
    answer: asyncio.Future[A]

    def succeed(self, answer: A) -> None:
        """Answer it, unless its caller has gone."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """Fail it, unless its caller has gone."""
        if not self.answer.done():
            self.answer.set_exception(error)


class _Load:
    """How busy this thread is."""

    def __init__(self) -> None:
        self._seen = time.perf_counter()
        self._worked = time.thread_time()

    def is_high(self) -> bool:
        """Whether it had hardly a pause since this was last asked."""
        now, worked = time.perf_counter(), time.thread_time()
        share = (worked - self._worked) / (now - self._seen)
        self._seen, self._worked = now, worked
        return share > _HIGH_LOAD


class RequestBatcher(Generic[Q, A]):
    """Hands requests over in batches, `parallel` batches at a time.

    A request alone does not wait. A crowd travels together: while the thread is busy, more requests are on
    their way to it than it knows of, and a batch waits for them a little: until the thread has a pause, for
    then all have come, or, if there were few lately, until as many are here. It takes up to `max_requests`
    or `max_weight` (in bytes). `run` must answer each request of its batch; an error that it raises fails
    all that it left.
    """

    def __init__(
        self,
        kind: str,
        run: Callable[[Sequence[Waiting[Q, A]]], Awaitable[None]],
        observer: StorageObserver,
        *,
        parallel: int,
        max_waiting: int,
        max_requests: int = 512,
        max_weight: int = 8 * 1024 * 1024,
    ) -> None:
        self._kind = kind
        self._run = run
        self._observer = observer
        self._parallel = parallel
        self._max_waiting = max_waiting
        self._max_requests = max_requests
        self._max_weight = max_weight
        self._load = _Load()
        self._is_gathering = False
        # What a batch waits for while it gathers.
        self._pause: asyncio.Future[None] | None = None
        # Requests that are not answered yet: how many now, and how many at most since the last batch began.
        self._open = 0
        self._crowd = 0
        self._queue: deque[Waiting[Q, A]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, request: Q, weight: int = 0) -> asyncio.Future[A]:
        """Return what the answer to a request will be. Raises Overloaded when too many wait.

        Whoever cancels it takes the request back, if it has not gone off.
        """
        if len(self._queue) >= self._max_waiting:
            raise Overloaded(f"{len(self._queue)} requests are waiting for the database; retry later")
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(request, weight, answer))
        self._open += 1
        self._crowd = max(self._crowd, self._open)
        if self._pause is not None and self._are_all_here():
            _end(self._pause)
        self._start()
        return answer

    def _are_all_here(self) -> bool:
        is_small = self._crowd < _LARGE_CROWD and self._open >= self._crowd
        return is_small or len(self._queue) >= self._max_requests

    def _start(self) -> None:
        if not self._is_gathering and len(self._under_way) < self._parallel:
            self._is_gathering = True
            # A context of its own: its batches serve many callers, and its logs are none of them's.
            self._under_way.add(asyncio.create_task(self._work_off(), context=contextvars.Context()))

    async def _work_off(self) -> None:
        while True:
            await self._gather()
            batch = self._take()
            self._is_gathering = False
            if self._queue:
                self._start()
            if batch:
                await self._carry_out(batch)
            if self._is_gathering or not self._queue:
                break
            self._is_gathering = True
        # Here and not when the task is done: a caller whom the last batch woke may ask again before that,
        # and would wait for a task that has seen the queue empty.
        self._under_way.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _carry_out(self, batch: Sequence[Waiting[Q, A]]) -> None:
        began = time.perf_counter()
        try:
            await self._run(batch)
        except Exception as error:  # noqa: BLE001  # it is handed to each caller
            for waiting in batch:
                waiting.fail(error)
        self._open -= len(batch)
        self._observer.batch_written(self._kind, len(batch), time.perf_counter() - began)

    async def _gather(self) -> None:
        """Let those come in that are about to."""
        await asyncio.sleep(0)
        for _ in range(_PAUSES):
            if not self._load.is_high() or self._are_all_here():
                break
            await self._wait_a_little()
        self._crowd = self._open

    async def _wait_a_little(self) -> None:
        loop = asyncio.get_running_loop()
        self._pause = loop.create_future()
        timer = loop.call_later(_PAUSE_SECONDS, _end, self._pause)
        try:
            await self._pause
        finally:
            timer.cancel()
            self._pause = None

    def _take(self) -> list[Waiting[Q, A]]:
        batch: list[Waiting[Q, A]] = []
        weight = 0
        while self._queue and len(batch) < self._max_requests:
            weight += self._queue[0].weight
            if batch and weight > self._max_weight:
                break
            waiting = self._queue.popleft()
            if waiting.answer.cancelled():
                self._open -= 1
            else:
                batch.append(waiting)
        return batch

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)


def _end(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)
