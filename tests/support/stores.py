"""Started stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast_server.domain.limits import Policy
from holdfast_server.storage.observer import StorageObserver
from holdfast_server.storage.options import StorageOptions
from holdfast_server.storage.schema import metadata
from holdfast_server.storage.store import SqlStore

OpenStore = Callable[..., Awaitable[SqlStore]]
"""See StoreOpener."""


class StoreOpener:
    """Opens stores on one database; `close` closes those that are still open."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open = AsyncExitStack()

    async def __call__(
        self, *, policy: Policy | None = None, observer: StorageObserver | None = None, **options: Any
    ) -> SqlStore:
        """Return a started store. `options` are those of StorageOptions."""
        # Few connections: tests are many and servers of tests small.
        chosen = StorageOptions(**{"url": self.url, "pool_min": 2, "pool_max": 10, **options})
        store = SqlStore(chosen, policy or Policy(), observer)
        self._open.push_async_callback(store.close)
        await store.start()
        return store

    async def close(self) -> None:
        """Close the stores, the last one first."""
        await self._open.aclose()


class SharedStores:
    """A started store on each engine, lent to one test after the other: to open one takes longer than most.

    A test gets it with no rows. One that a test has closed or drained is not lent again.
    """

    def __init__(self, open_database: Callable[[str], AbstractAsyncContextManager[str]]) -> None:
        self._open_database = open_database
        self._lent: dict[str, tuple[SqlStore, AsyncExitStack]] = {}

    async def lend(self, engine: str) -> SqlStore:
        """Return the engine's store."""
        if engine not in self._lent:
            stack = AsyncExitStack()
            opener = StoreOpener(await stack.enter_async_context(self._open_database(engine)))
            stack.push_async_callback(opener.close)
            self._lent[engine] = await opener(), stack
        return self._lent[engine][0]

    async def take_back(self, engine: str) -> None:
        """Remove what the test has left."""
        store, stack = self._lent[engine]
        if store._signals.is_draining:
            del self._lent[engine]
            await stack.aclose()
            return
        # A test may have gone while its writes were under way.
        await store._journal.close()
        await store._reads.close()
        await store._database.write(_delete_all)

    async def close(self) -> None:
        """Close the stores."""
        while self._lent:
            _, (_, stack) = self._lent.popitem()
            await stack.aclose()


async def _delete_all(connection: AsyncConnection) -> None:
    deletions = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
    if connection.dialect.name == "postgresql":
        deletions = [f"DO $$ BEGIN {'; '.join(deletions)}; END $$"]
    for deletion in deletions:
        await connection.exec_driver_sql(deletion)
