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
_ALL_TOPICS = "*"
# Below the limit of NOTIFY, 7,999 bytes.
_PAYLOAD_BYTES = 7_900

# Topics that are published within this time after a NOTIFY share the next one.
_PAUSE_SECONDS = 0.005
_NOTIFY = "SELECT pg_notify($1, $2)"

logger = logging.getLogger("holdfast.notifications")


class Announcer:
    """Sends topics to other servers: one NOTIFY for all that were announced since the one before."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: set[str] = set()
        self._has_pending = asyncio.Event()

    def announce(self, topics: set[str]) -> None:
        """Have these topics sent, within _PAUSE_SECONDS and the time of a statement."""
        self._pending |= topics
        self._has_pending.set()

    async def run(self) -> None:
        """Send what is announced, for ever."""
        while True:
            await self._has_pending.wait()
            await asyncio.sleep(0)  # the callers whose commit announced something are answered first
            self._has_pending.clear()
            topics, self._pending = self._pending, set()
            # Not an error of any call: without the NOTIFY, other servers find the changes at their next poll.
            with contextlib.suppress(DatabaseUnavailable):
                await self._database.run_at_once(_NOTIFY, (CHANNEL, write_payload(topics)))
            await asyncio.sleep(_PAUSE_SECONDS)


class Listener:
    """Receives the topics that servers announce, on a connection of its own."""

    def __init__(self, url: str, signals: Signals, connect_timeout: float, retry_seconds: float) -> None:
        self._url = url
        self._signals = signals
        self._connect_timeout = connect_timeout
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Listen for ever; connect again after `retry_seconds` when the connection is lost."""
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
            await connection.add_listener(CHANNEL, self._receive)
            self._signals.wake_all()  # something may have been announced before LISTEN
            await closed.wait()
        finally:
            connection.terminate()

    def _receive(self, connection: Any, pid: int, channel: str, payload: Any) -> None:
        topics = read_payload(str(payload))
        if topics is None:
            self._signals.wake_all()
        else:
            self._signals.wake(topics)


def write_payload(topics: set[str]) -> str:
    """Return topics as the payload of a notification; `*`, for all topics, if they are too many."""
    text = "\n".join(sorted(topics))
    return text if len(text.encode()) <= _PAYLOAD_BYTES else _ALL_TOPICS


def read_payload(text: str) -> list[str] | None:
    """Return the topics in a notification; None for all topics."""
    return None if text == _ALL_TOPICS else text.split("\n")
