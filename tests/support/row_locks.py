"""Row locks of PostgreSQL: held by a test, waited for by a store, and seen by a third."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from tests.support.waiting import eventually

T = TypeVar("T")
_BLOCKED = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


class RowLocks:
    """Locks on rows of a database. `hold` and `free` take a condition on the rows of a table."""

    def __init__(self, holder: asyncpg.Connection, observer: asyncpg.Connection) -> None:
        self._holder = holder
        self._observer = observer

    @asynccontextmanager
    async def held(
        self, table: str, condition: str, *arguments: Any, strength: str = "UPDATE"
    ) -> AsyncIterator[asyncpg.Connection]:
        """Hold the locks on some rows for as long as the block lasts, and yield who holds them."""
        async with self._holder.transaction():
            query = f"SELECT FROM {table} WHERE {condition} FOR {strength}"
            assert await self._holder.fetch(query, *arguments)
            yield self._holder

    @asynccontextmanager
    async def only_reads(self, table: str) -> AsyncIterator[asyncpg.Connection]:
        """Let nobody but the yielded connection lock or write rows of a table while the block lasts."""
        async with self._holder.transaction():
            await self._holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield self._holder

    @asynccontextmanager
    async def unwritable(self, table: str) -> AsyncIterator[None]:
        """Let whoever writes to a table wait for as long as the block lasts."""
        async with self._holder.transaction():
            await self._holder.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield

    async def until_somebody_waits(self, count: int = 1) -> None:
        """Return when `count` statements wait for locks."""

        async def do_they() -> bool:
            return bool(await self._observer.fetchval(_BLOCKED) >= count)

        await eventually(do_they, f"{count} statements that wait for a lock")

    async def until_done(self, work: Awaitable[T]) -> T:
        """Return the result of what must not wait for a lock."""
        task = asyncio.ensure_future(work)

        async def is_done() -> bool:
            if not task.done():
                assert not await self._observer.fetchval(_BLOCKED), "it waits for a lock"
            return task.done()

        try:
            await eventually(is_done)
        finally:
            task.cancel()
        return await task

    async def rewrite(self, table: str, condition: str) -> None:
        """Write some rows again as they are, so that they lie behind the others."""
        await self._holder.execute(f"UPDATE {table} SET id = id WHERE {condition}")

    async def free(self, table: str, column: str, strength: str = "UPDATE") -> list[Any]:
        """Return the values of a column in those rows that another can lock so strongly."""
        query = f"SELECT {column} FROM {table} ORDER BY {column} FOR {strength} SKIP LOCKED"
        return [row[0] for row in await self._observer.fetch(query)]


@asynccontextmanager
async def row_locks(url: str) -> AsyncIterator[RowLocks]:
    """Give the row locks of a database."""
    holder, observer = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        yield RowLocks(holder, observer)
    finally:
        await holder.close()
        await observer.close()
