"""Tails: a session's events after a point, and then each one as it is committed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import DatabaseUnavailable, Overloaded, SessionNotFound
from holdfastdb_server.domain.events import CaughtUp, Event, EventFilter
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.events.pages import EventPages
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.options import StorageOptions
from holdfastdb_server.storage.sessions.resource import session_resource
from holdfastdb_server.storage.signals import Signals, Watch, session_topic
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.point_reads import PointReads
from holdfastdb_server.storage.write_path.statements import Statements

_PAGE = 256


@dataclass(eq=False, slots=True)
class _Tail:
    """An open tail: its session, its watch, and the session's last sequence when it last read, if it has."""

    session_key: int
    watch: Watch
    position: int | None = None


class Tails:
    """Follows sessions. Sequences are given in commit order, under a lock: no lower one comes later."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        pages: EventPages,
        reads: PointReads,
        signals: Signals,
        observer: StorageObserver,
        options: StorageOptions,
    ) -> None:
        self._database = database
        self._sessions = session_resource(database.dialect)
        self._sql = statements
        self._pages = pages
        self._reads = reads
        self._signals = signals
        self._observer = observer
        self._retry_seconds = options.poll_interval
        self._max_tails = options.max_tails
        self._open: set[_Tail] = set()

    async def follow(
        self, namespace: str, session_id: str, after_sequence: int | None, where: EventFilter
    ) -> AsyncIterator[Sequence[Event] | CaughtUp]:
        row = await self._database.read(
            lambda connection: self._sessions.require(connection, namespace, session_id)
        )
        position: int = row.last_sequence if after_sequence is None else after_sequence
        goal: int | None = row.last_sequence
        with self._opened(row.key) as tail:
            while True:
                tail.watch.clear()
                self._signals.check_open()
                try:
                    last = await self._reads.last_sequence(row.key)
                    if last is None:
                        raise SessionNotFound(session_id)
                    found, position = await self._read(row.key, session_id, where, position, last)
                except DatabaseUnavailable:
                    await tail.watch.wait(self._retry_seconds)
                    continue
                if found:
                    self._measure(found)
                    yield found
                if goal is not None and position >= goal:
                    yield CaughtUp(goal)
                    goal = None
                tail.position = last
                if position >= last:
                    await tail.watch.wait()

    @contextlib.contextmanager
    def _opened(self, session_key: int) -> Iterator[_Tail]:
        if len(self._open) >= self._max_tails:
            raise Overloaded(f"{len(self._open)} tails are open, and no more are taken; retry later")
        with self._signals.watch(session_topic(session_key)) as watch:
            tail = _Tail(session_key, watch)
            self._open.add(tail)
            self._observer.tails_open(len(self._open))
            try:
                yield tail
            finally:
                self._open.discard(tail)
                self._observer.tails_open(len(self._open))

    async def poll(self) -> None:
        """Wake the tails that have missed something, by one query for all. Raises DatabaseUnavailable."""
        if not self._open:
            return
        params = self._sql.keys.params([(key,) for key in {tail.session_key for tail in self._open}])
        found = await self._database.select(self._sql.last_sequences, params)
        reached = {row.key: row.last_sequence for row in found}
        for tail in self._open:
            if reached.get(tail.session_key) != tail.position:  # a deleted session too
                tail.watch.wake()

    async def _read(
        self, session_key: int, session_id: str, where: EventFilter, position: int, last: int
    ) -> tuple[list[Event], int]:
        """Return a page of events after the position, and how far it has come with them."""
        if position >= last:
            return [], max(position, last)

        async def work(connection: AsyncConnection) -> tuple[list[Event], int]:
            found, more = await self._pages.of_session(
                connection, session_key, where, _PAGE, after=position, before=last + 1, descending=False
            )
            return [rows.event_of(row, session_id) for row in found], found[-1].sequence if more else last

        return await self._database.read(work)

    def _measure(self, found: Sequence[Event]) -> None:
        appended = found[0].create_time
        assert appended is not None
        self._observer.tail_delivered(len(found), (datetime.now(UTC) - appended).total_seconds())
