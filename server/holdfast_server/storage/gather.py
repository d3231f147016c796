"""Gathering: concurrent requests travel together."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from holdfast_server.domain.errors import Overloaded
from holdfast_server.storage.observer import StorageObserver

# Seconds. A batch of a crowd costs the loop a tenth of it, so that more would gain little.
_LONGEST_GATHERING = 0.004
# From a request's arrival at the socket to us.
_TURNS = 3

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(eq=False, slots=True)
class Waiting(Generic[Q, A]):
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


class Gatherer(Generic[Q, A]):
    """Hands requests over in batches, `parallel` batches at a time.

    A request alone does not wait. Of a crowd that comes in, each turn of the loop brings some: a batch
    starts when a turn has brought none, or after `_LONGEST_GATHERING`. It takes up to `max_requests` or
    `max_weight` (in bytes). `run` must answer each request of its batch; an error that it raises fails all
    that it left.
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
        self._is_gathering = False
        self._queue: deque[Waiting[Q, A]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, request: Q, weight: int = 0) -> A:
        """Return the answer to a request. Raises Overloaded when too many wait."""
        if len(self._queue) >= self._max_waiting:
            raise Overloaded(f"{len(self._queue)} requests are waiting for the database; retry later")
        waiting: Waiting[Q, A] = Waiting(request, weight, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._start()
        return await waiting.answer

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
        self._observer.batch_written(self._kind, len(batch), time.perf_counter() - began)

    async def _gather(self) -> None:
        """Let those come in that are about to."""
        give_up = time.perf_counter() + _LONGEST_GATHERING
        seen = 0
        while seen < len(self._queue) < self._max_requests and time.perf_counter() < give_up:
            seen = len(self._queue)
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def _take(self) -> list[Waiting[Q, A]]:
        batch: list[Waiting[Q, A]] = []
        weight = 0
        while self._queue and len(batch) < self._max_requests:
            weight += self._queue[0].weight
            if batch and weight > self._max_weight:
                break
            waiting = self._queue.popleft()
            if not waiting.answer.cancelled():
                batch.append(waiting)
        return batch

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
