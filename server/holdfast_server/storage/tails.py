"""Tails: a session's events after a point, and then each one as it is committed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast_server.domain.errors import DatabaseUnavailable, ServerDraining, SessionNotFound
from holdfast_server.domain.events import CaughtUp, Event, EventFilter
from holdfast_server.storage import rows
from holdfast_server.storage.database import Database
from holdfast_server.storage.event_pages import EventPages
from holdfast_server.storage.notifications import Hub, Watch
from holdfast_server.storage.observer import StorageObserver
from holdfast_server.storage.reads import PointReads
from holdfast_server.storage.sessions import require

_PAGE = 256


class Tails:
    """Follows sessions. Sequences are given in commit order, under a lock: no lower one comes later."""

    def __init__(
        self,
        database: Database,
        pages: EventPages,
        reads: PointReads,
        hub: Hub,
        observer: StorageObserver,
        retry_seconds: float,
    ) -> None:
        self._database = database
        self._pages = pages
        self._reads = reads
        self._hub = hub
        self._observer = observer
        self._retry_seconds = retry_seconds

    async def follow(
        self, namespace: str, session_id: str, after_sequence: int | None, where: EventFilter
    ) -> AsyncIterator[Sequence[Event] | CaughtUp]:
        """See EventStore.tail."""
        row = await self._database.read(lambda connection: require(connection, namespace, session_id))
        position = row.last_sequence if after_sequence is None else after_sequence
        goal: int | None = row.last_sequence
        with self._hub.watch(row.key) as watch:
            while True:
                watch.clear()
                if self._hub.is_draining:
                    raise ServerDraining
                try:
                    last = await self._reads.last_sequence(row.key)
                    if last is None:
                        raise SessionNotFound(session_id)
                    found, position = await self._read(row.key, session_id, where, position, last)
                except DatabaseUnavailable:
                    await self._rest(watch)
                    continue
                if found:
                    self._measure(found)
                    yield found
                if goal is not None and position >= goal:
                    yield CaughtUp(max(goal, 0))
                    goal = None
                watch.position = last
                if position >= last:
                    await watch.wait()

    async def _read(
        self, session_key: int, session_id: str, where: EventFilter, position: int, last: int
    ) -> tuple[list[Event], int]:
        """Return a page of events after the position, and how far it has come with them."""
        if position >= last:
            return [], max(position, last)

        async def work(connection: AsyncConnection) -> tuple[list[Event], int]:
            found, more = await self._pages.of_session(
                connection, session_key, where, _PAGE, after=position, before=last + 1
            )
            return [rows.event_of(row, session_id) for row in found], found[-1].sequence if more else last

        return await self._database.read(work)

    async def _rest(self, watch: Watch) -> None:
        """Wait until the database is worth another try, or the server stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watch.wait(), self._retry_seconds)

    def _measure(self, found: Sequence[Event]) -> None:
        appended = found[0].create_time
        assert appended is not None
        self._observer.tail_delivered(len(found), (datetime.now(UTC) - appended).total_seconds())
