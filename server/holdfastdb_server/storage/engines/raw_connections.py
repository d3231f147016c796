"""Raw connections: asyncpg's own, for the few statements that run all the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


@dataclass(frozen=True, slots=True)
class _RawConnection:
    connection: AsyncConnection
    driver: asyncpg.Connection[asyncpg.Record]

    async def close(self) -> None:
        if self.driver.is_closed():
            await self.connection.invalidate()
        await self.connection.close()


class RawConnections:
    """Connections from an engine's pool, used without SQLAlchemy and not returned to the pool after each use.

    Both would take longer than a small statement does. At most `kept` are held while they are idle.
    """

    def __init__(self, engine: AsyncEngine, kept: int) -> None:
        self._engine = engine
        self._kept = kept
        self._idle: list[_RawConnection] = []

    @property
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._idle)

    async def fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """Run a statement, which commits by itself. After an error its connection returns to the pool."""
        raw = await self._take()
        try:
            rows: Sequence[Any] = await raw.driver.fetch(statement, *arguments)
        except BaseException:
            await raw.close()
            raise
        if len(self._idle) < self._kept:
            self._idle.append(raw)
        else:
            await raw.close()
        return rows

    async def _take(self) -> _RawConnection:
        while True:
            raw = self._idle.pop() if self._idle else await self._open()
            # The server may have closed it while it was idle, here or in the pool.
            if not raw.driver.is_closed():
                return raw
            await raw.close()

    async def _open(self) -> _RawConnection:
        connection = await self._engine.connect()
        raw: Any = await connection.get_raw_connection()
        return _RawConnection(connection, raw.driver_connection)

    async def close(self) -> None:
        """Return the idle connections to the pool."""
        while self._idle:
            await self._idle.pop().close()
