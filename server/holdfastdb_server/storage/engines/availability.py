"""Whether the database can be used: checked at the start, and watched from then on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.file_lock import FileLock
from holdfastdb_server.storage.engines.opening import parse_url
from holdfastdb_server.storage.options import StartupRefused, StorageOptions

logger = logging.getLogger("holdfast.storage")


class Availability:
    """Knows whether the database can be reached and has our schema, and tells when that changes.

    A SQLite file is locked for this process from `start` to `close`, and migrated.
    """

    def __init__(self, database: Database, options: StorageOptions) -> None:
        self._database = database
        self._poll_interval = options.poll_interval
        url = parse_url(options.url)
        self._file_lock = FileLock(str(url.database)) if url.get_backend_name() == "sqlite" else None
        self._callbacks: list[Callable[[bool], None]] = []
        self.is_available = False

    def call_back(self, callback: Callable[[bool], None]) -> None:
        """Call back now and whenever the database becomes available or unavailable."""
        self._callbacks.append(callback)
        callback(self.is_available)

    async def start(self) -> None:
        """Check the database. Raises StartupRefused if it must not be served.

        A database that cannot be reached is no reason not to start: `watch` goes on trying.
        """
        if self._file_lock is not None:
            self._file_lock.acquire()
        with contextlib.suppress(DatabaseUnavailable):
            state = await self._check_schema()
            if not state.is_current:
                raise StartupRefused(state.problem())

    async def watch(self, poll: Callable[[], Awaitable[None]]) -> None:
        """Check the database, and poll while it is available, every `poll_interval` seconds, for ever.

        A call that finds it unavailable has it checked at once.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._database.lost.wait(), self._poll_interval)
            try:
                if self._database.lost.is_set() or not self.is_available:
                    self._database.lost.clear()
                    state = await self._check_schema()
                    if not state.is_current:
                        logger.error("not serving", extra={"problem": state.problem()})
                else:
                    await self._database.ping()
                    await poll()
            except DatabaseUnavailable:
                self._set_available(False)
                await asyncio.sleep(self._poll_interval)
            except Exception:
                logger.exception("the database cannot be checked; it is tried again")
                await asyncio.sleep(self._poll_interval)

    async def _check_schema(self) -> migrations.SchemaState:
        state = await migrations.read_state(self._database)
        if self._file_lock is not None and not state.is_current and not state.is_newer:
            await migrations.upgrade_open(self._database)
            state = await migrations.read_state(self._database)
        self._set_available(state.is_current)
        return state

    def _set_available(self, available: bool) -> None:
        if available == self.is_available:
            return
        self.is_available = available
        if available:
            logger.info("the database is available")
        else:
            logger.warning("the database is unavailable")
        for callback in self._callbacks:
            callback(available)

    def close(self) -> None:
        """Release the lock of the SQLite file."""
        if self._file_lock is not None:
            self._file_lock.release()
