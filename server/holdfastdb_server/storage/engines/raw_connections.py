"""Raw connections: asyncpg's own connections for the few statements that run all the time."""

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
    """Connections of an engine that are not given back after each use, and are used without SQLAlchemy.

    Both take longer than a small statement does. At most `kept` are held while nobody uses them.
    """

    def __init__(self, engine: AsyncEngine, kept: int) -> None:
        self._engine = engine
        self._kept = kept
        self._idle: list[_RawConnection] = []

    @property
    def idle(self) -> int:
        """How many are held for the next use."""
        return len(self._idle)

    async def fetch(self, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """Run a statement, which commits by itself. A connection that had an error is not used again."""
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
            # It may have died while nobody used it, here or in the pool.
            if not raw.driver.is_closed():
                return raw
            await raw.close()

    async def _open(self) -> _RawConnection:
        connection = await self._engine.connect()
        raw: Any = await connection.get_raw_connection()
        return _RawConnection(connection, raw.driver_connection)

    async def close(self) -> None:
        """Give back those that are held."""
        while self._idle:
            await self._idle.pop().close()
