"""Concurrent writers that retry until they are acknowledged, and what must hold afterwards."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import holdfastdb
from tests.support.clients import history
from tests.support.waiting import eventually

AGENTS = 16


class Writers:
    """Agents that append to one session, each one event after the other, for as long as the block lasts.

    An event that is not acknowledged is sent again, unchanged, until it is. They share the clients.
    """

    def __init__(self, clients: Sequence[holdfastdb.AsyncClient], session_id: str) -> None:
        self._clients = clients
        self._session_id = session_id
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self.acknowledged: dict[str, int] = {}
        """The sequences of the acknowledged events by their ids."""
        self.refusals = 0
        """How often a write came back without an answer, after the client's own retries."""

    async def __aenter__(self) -> Self:
        for agent in range(AGENTS):
            client = self._clients[agent % len(self._clients)]
            self._tasks.append(asyncio.create_task(self._write(client, f"agent-{agent}")))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        if error is not None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._tasks)

    async def write(self, count: int) -> None:
        """Return when so many further events are acknowledged."""
        goal = len(self.acknowledged) + count
        await eventually(lambda: self._reached(goal), f"{count} acknowledged events")

    async def check(self, client: holdfastdb.AsyncClient) -> None:
        """Check that the history is just what was acknowledged: nothing lost, doubled or out of order."""
        events = await history(client, self._session_id)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert {event.event_id: event.sequence for event in events} == self.acknowledged
        by_actor = defaultdict(list)
        for event in events:
            by_actor[event.actor].append(event.value)
        assert all(numbers == list(range(len(numbers))) for numbers in by_actor.values())
        session = await client.sessions.get(self._session_id)
        assert session.last_sequence == len(events)

    def _reached(self, goal: int) -> bool:
        for task in self._tasks:
            if task.done():
                task.result()
        return len(self.acknowledged) >= goal

    async def _write(self, client: holdfastdb.AsyncClient, actor: str) -> None:
        number = 0
        while not self._stopping:
            await self._append(client, holdfastdb.Event.of("note", number, actor=actor))
            number += 1

    async def _append(self, client: holdfastdb.AsyncClient, event: holdfastdb.Event) -> None:
        while True:
            try:
                appended = await client.history.append(self._session_id, event)
            except (holdfastdb.Unavailable, holdfastdb.DeadlineExceeded):
                self.refusals += 1
            else:
                self.acknowledged[event.event_id] = appended.receipts[0].sequence
                return
