"""Signals between servers, by PostgreSQL's NOTIFY and LISTEN."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import asyncpg

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.signals import Signals

CHANNEL = "holdfast"
_EVERYONE = "*"
# NOTIFY takes at most 7,999 bytes.
_PAYLOAD_BYTES = 7_900

# What a busy server announces travels together; it delays a quiet one by nothing.
_PAUSE_SECONDS = 0.005
_NOTIFY = "SELECT pg_notify($1, $2)"

logger = logging.getLogger("holdfast.notifications")


class Announcer:
    """Tells other servers what was signalled: one NOTIFY now and then, for all since the last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: set[str] = set()
        self._more = asyncio.Event()

    def announce(self, topics: set[str]) -> None:
        """Have these topics announced soon."""
        self._pending |= topics
        self._more.set()

    async def run(self) -> None:
        """Announce what comes, for ever."""
        while True:
            await self._more.wait()
            await asyncio.sleep(0)  # whoever waits for the commit is answered first
            self._more.clear()
            topics, self._pending = self._pending, set()
            # A lost NOTIFY delays by one poll; there is nobody to tell.
            with contextlib.suppress(DatabaseUnavailable):
                await self._database.run_at_once(_NOTIFY, (CHANNEL, write_payload(topics)))
            await asyncio.sleep(_PAUSE_SECONDS)


class Listener:
    """Listens to what other servers announce, on a connection of its own."""

    def __init__(self, url: str, signals: Signals, connect_timeout: float, retry_seconds: float) -> None:
        self._url = url
        self._signals = signals
        self._connect_timeout = connect_timeout
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Listen for ever; connect again when the connection is lost."""
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                logger.debug("cannot listen; waiters poll meanwhile", extra={"error": str(error)})
            await asyncio.sleep(self._retry_seconds)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=self._connect_timeout)
        closed = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: closed.set())
            await connection.add_listener(CHANNEL, self._heard)
            self._signals.wake_all()  # for what was announced while nobody listened
            await closed.wait()
        finally:
            connection.terminate()

    def _heard(self, connection: Any, pid: int, channel: str, payload: Any) -> None:
        topics = read_payload(str(payload))
        if topics is None:
            self._signals.wake_all()
        else:
            self._signals.wake(topics)


def write_payload(topics: set[str]) -> str:
    """Return topics as the text of a notification; `*` where they are too many."""
    text = "\n".join(sorted(topics))
    return text if len(text.encode()) <= _PAYLOAD_BYTES else _EVERYONE


def read_payload(text: str) -> list[str] | None:
    """Return the topics in a notification; None for all."""
    return None if text == _EVERYONE else text.split("\n")
