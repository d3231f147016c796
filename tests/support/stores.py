"""Started stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.options import StorageOptions
from holdfastdb_server.storage.schema import metadata
from holdfastdb_server.storage.store import SqlStore
from tests.support.databases import Databases
from tests.support.waiting import patient

OpenStore = Callable[..., Awaitable[SqlStore]]
"""See StoreOpener."""

# Tests are many and servers of tests small.
_FEW_CONNECTIONS = {"pool_min": 2, "pool_max": 10}
_DEFAULTS = StorageOptions("")
TIME_LIMITS = {
    "pool_timeout": patient(_DEFAULTS.pool_timeout),
    "connect_timeout": patient(_DEFAULTS.connect_timeout),
    "statement_timeout": patient(_DEFAULTS.statement_timeout),
}
"""The default time limits of StorageOptions, for a machine as busy as this one."""


class StoreOpener:
    """Opens stores on one database; `close` closes those that are still open.

    `options` are those of StorageOptions, for every store that chooses nothing else.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self._options = options
        self._open = AsyncExitStack()

    async def __call__(
        self, *, policy: Policy | None = None, observer: StorageObserver | None = None, **options: Any
    ) -> SqlStore:
        """Return a started store. `options` are those of StorageOptions."""
        ours = {"url": self.url, **_FEW_CONNECTIONS, **TIME_LIMITS}
        chosen = StorageOptions(**{**ours, **self._options, **options})
        store = SqlStore(chosen, policy or Policy(), observer)
        self._open.push_async_callback(store.close)
        await store.start()
        return store

    async def close(self) -> None:
        """Close the stores, the last one first."""
        await self._open.aclose()


class SharedStore:
    """A started store that is lent to one test after the other: to open one takes longer than most tests.

    A test gets it with no rows. One that a test has closed or drained is not lent again.
    """

    def __init__(self, databases: Databases, **options: Any) -> None:
        self._databases = databases
        self._options = options
        self._open = AsyncExitStack()
        self._store: SqlStore | None = None

    async def lend(self) -> SqlStore:
        """Return the store."""
        if self._store is None:
            url = await self._open.enter_async_context(self._databases.fresh())
            opener = StoreOpener(url, **self._options)
            self._open.push_async_callback(opener.close)
            self._store = await opener()
        return self._store

    async def take_back(self) -> None:
        """Remove what the test has left."""
        store = self._store
        assert store is not None
        if store._signals.is_draining:
            await self.close()
            return
        # A test may have ended while its writes were in progress.
        await store._group_commit.close()
        await store._reads.close()
        await store._database.write(_delete_all)

    async def close(self) -> None:
        """Close the store."""
        self._store = None
        await self._open.aclose()


async def _delete_all(connection: AsyncConnection) -> None:
    deletions = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
    if connection.dialect.name == "postgresql":
        deletions = [f"DO $$ BEGIN {'; '.join(deletions)}; END $$"]
    for deletion in deletions:
        await connection.exec_driver_sql(deletion)
