"""Wake-ups: who waits for a session's next event learns that it may be there.

They only wake: the table is the truth. Within a process a wake-up is a method call. Between servers on
PostgreSQL it is one coalesced NOTIFY, sent after the commit and not in it, for a commit with a NOTIFY
holds a lock that all other such commits of the database wait for. A poll covers what gets lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import asyncpg
import structlog

from holdfast_server.domain.errors import DatabaseUnavailable, Overloaded, ServerDraining
from holdfast_server.storage.database import Database
from holdfast_server.storage.observer import StorageObserver
from holdfast_server.storage.statements import Statements

CHANNEL = "holdfast_events"
_EVERYONE = "*"
# NOTIFY takes at most 7,999 bytes.
_PAYLOAD_BYTES = 7_900

log = structlog.get_logger("holdfast.notifications")


class Watch:
    """One tail's place in a session. Set `position` to the last sequence it has looked at."""

    def __init__(self, session_key: int) -> None:
        self.session_key = session_key
        self.position = 0
        self._changed = asyncio.Event()

    async def wait(self) -> None:
        """Wait until there may be something after the position."""
        await self._changed.wait()

    def clear(self) -> None:
        """Wait for what comes from now on: call it before looking."""
        self._changed.clear()

    def wake(self) -> None:
        """There may be something."""
        self._changed.set()


class Hub:
    """Knows who watches which session, and wakes them."""

    def __init__(
        self, database: Database, statements: Statements, observer: StorageObserver, max_watches: int
    ) -> None:
        self._database = database
        self._sql = statements
        self._observer = observer
        self._max_watches = max_watches
        self._watches: defaultdict[int, set[Watch]] = defaultdict(set)
        self._count = 0
        self.is_draining = False

    @contextlib.contextmanager
    def watch(self, session_key: int) -> Any:
        """Watch a session for the duration of the block. Raises Overloaded and ServerDraining."""
        if self.is_draining:
            raise ServerDraining
        if self._count >= self._max_watches:
            raise Overloaded(f"{self._count} tails are open, and no more are taken; retry later")
        watch = Watch(session_key)
        self._watches[session_key].add(watch)
        self._counted(+1)
        try:
            yield watch
        finally:
            self._watches[session_key].discard(watch)
            if not self._watches[session_key]:
                del self._watches[session_key]
            self._counted(-1)

    def _counted(self, change: int) -> None:
        self._count += change
        self._observer.tails_open(self._count)

    def wake(self, session_keys: Iterable[int]) -> None:
        """Wake who watches these sessions."""
        for key in session_keys:
            for watch in self._watches.get(key, ()):
                watch.wake()

    def wake_all(self) -> None:
        """Wake everyone: something may have been missed."""
        self.wake(list(self._watches))

    def drain(self) -> None:
        """Wake everyone to learn that the server is stopping."""
        self.is_draining = True
        self.wake_all()

    async def poll(self) -> None:
        """Wake who has missed something, by one query for all. Raises DatabaseUnavailable."""
        if not self._watches:
            return
        params = self._sql.keys.params([(key,) for key in self._watches])
        found = await self._database.read(lambda c: c.execute(self._sql.last_sequences, params))
        reached = {row.key: row.last_sequence for row in found}
        for key, watches in list(self._watches.items()):
            for watch in watches:
                if reached.get(key) != watch.position:  # a deleted session too
                    watch.wake()


class Announcer:
    """Tells other servers which sessions got events: one NOTIFY at a time, for all since the last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: set[int] = set()
        self._more = asyncio.Event()

    def announce(self, session_keys: set[int]) -> None:
        """Have these sessions announced soon."""
        self._pending |= session_keys
        self._more.set()

    async def run(self) -> None:
        """Announce what comes, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            keys, self._pending = self._pending, set()
            # A lost NOTIFY delays by one poll; there is nobody to tell.
            with contextlib.suppress(DatabaseUnavailable):
                await self._notify((CHANNEL, write_payload(keys)))

    async def _notify(self, params: tuple[str, str]) -> None:
        await self._database.read(lambda c: c.exec_driver_sql("SELECT pg_notify($1, $2)", params))


class Listener:
    """Listens to what other servers announce, on a connection of its own."""

    def __init__(self, url: str, hub: Hub, connect_timeout: float, retry_seconds: float) -> None:
        self._url = url
        self._hub = hub
        self._connect_timeout = connect_timeout
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Listen for ever; connect again when the connection is lost."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.debug("cannot listen; tails poll meanwhile", error=str(error))
            await asyncio.sleep(self._retry_seconds)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=self._connect_timeout)
        closed = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: closed.set())
            await connection.add_listener(CHANNEL, self._heard)
            self._hub.wake_all()  # for what was announced while nobody listened
            await closed.wait()
        finally:
            connection.terminate()

    def _heard(self, connection: Any, pid: int, channel: str, payload: Any) -> None:
        keys = read_payload(str(payload))
        if keys is None:
            self._hub.wake_all()
        else:
            self._hub.wake(keys)


def write_payload(session_keys: set[int]) -> str:
    """Return session keys as the text of a notification; `*` where they are too many."""
    text = ",".join(map(str, sorted(session_keys)))
    return text if len(text) <= _PAYLOAD_BYTES else _EVERYONE


def read_payload(text: str) -> list[int] | None:
    """Return the session keys in a notification; None for all, also where we do not understand it."""
    parts = text.split(",")
    return [int(part) for part in parts] if all(part.isdecimal() for part in parts) else None
