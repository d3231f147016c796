"""Started stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from holdfast_server.domain.limits import Policy
from holdfast_server.storage.observer import StorageObserver
from holdfast_server.storage.options import StorageOptions
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
