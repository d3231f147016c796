"""A tail that is read in the background, as a client reads it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from holdfastdb_server.domain.events import CaughtUp, Event, EventFilter
from holdfastdb_server.domain.ports import Store
from tests.support.content import EVERYTHING, NAMESPACE
from tests.support.waiting import eventually


class Tail:
    """What a tail has yielded so far."""

    def __init__(self) -> None:
        self.yielded: list[Event | CaughtUp] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def error(self) -> BaseException | None:
        """What ended the tail, if something has."""
        return self.task.exception() if self.task and self.task.done() else None

    @property
    def events(self) -> list[Event]:
        """The events, in the order of their arrival."""
        return [item for item in self.yielded if isinstance(item, Event)]

    @property
    def sequences(self) -> list[int]:
        """The sequences of the events, in the order of their arrival."""
        return [event.sequence for event in self.events]

    @property
    def caught_up(self) -> list[CaughtUp]:
        """Each CaughtUp; there should be one at most."""
        return [item for item in self.yielded if isinstance(item, CaughtUp)]

    async def until_caught_up(self) -> None:
        """Wait for CaughtUp."""
        await self._until(lambda: bool(self.caught_up), "caught up")

    async def until_sequence(self, sequence: int) -> None:
        """Wait for an event with this sequence or a later one."""
        await self._until(lambda: bool(self.events) and self.sequences[-1] >= sequence, f"event {sequence}")

    async def until_ended(self) -> BaseException:
        """Wait for the error that ends the tail, and return it."""
        await eventually(lambda: self.error is not None, "the end of the tail")
        assert self.error is not None
        return self.error

    async def _until(self, condition: object, what: str) -> None:
        assert callable(condition)
        await eventually(lambda: self.error is not None or condition(), what)
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def following(
    store: Store,
    after: int | None = 0,
    *,
    session_id: str = "s",
    where: EventFilter = EVERYTHING,
    namespace: str = NAMESPACE,
) -> AsyncIterator[Tail]:
    """Read a tail for the duration of the block."""
    tail = Tail()

    async def read() -> None:
        iterator = store.events.tail(namespace, session_id, after, where)
        assert isinstance(iterator, AsyncGenerator)
        try:
            async for item in iterator:
                tail.yielded += [item] if isinstance(item, CaughtUp) else item
        finally:
            await iterator.aclose()

    tail.task = asyncio.create_task(read())
    try:
        yield tail
    finally:
        tail.task.cancel()
        await asyncio.wait([tail.task])
