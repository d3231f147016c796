"""Connections and transactions: how every statement of the storage is run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from holdfastdb_server.domain.errors import DatabaseUnavailable, HoldfastError, SchemaMismatch
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.direct import DirectSelect
from holdfastdb_server.storage.engines.raw_connections import RawConnections

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

_ATTEMPTS = 3
# As many as the journal, the announcer and the point reads have under way when they are busy.
_RAW_CONNECTIONS_KEPT = 8


@dataclass(slots=True)
class _Attempt:
    """An attempt to run some work."""

    is_committing: bool = False
    """Whether the commit was sent, which may have been carried out then."""


class Database:
    """Runs work on a connection, in a transaction for writes.

    Errors of the driver come out as DatabaseUnavailable where the database is away; what is left is a
    bug of ours and comes out as it is.
    """

    def __init__(self, readers: AsyncEngine, writer: AsyncEngine, dialect: Dialect, pool_max: int) -> None:
        self._readers = readers
        self._writer = writer
        self.dialect = dialect
        # Half of the pool is left to all else.
        self._raw_connections = RawConnections(writer, min(_RAW_CONNECTIONS_KEPT, pool_max // 2))
        self._direct: dict[sa.Select[Any], DirectSelect | None] = {}
        self._writes: set[asyncio.Future[Any]] = set()
        self.lost = asyncio.Event()
        """Set when some work found the database away; whoever watches over it clears it."""

    async def read(self, work: Work[T]) -> T:
        """Run one statement or several that need no common snapshot."""

        async def look(attempt: _Attempt) -> T:
            async with self._readers.connect() as connection:
                return await work(connection)

        return await self._run(look)

    async def select(self, query: sa.Select[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """Run a query that runs all the time, and must always be the same object; return its rows."""
        if query not in self._direct:
            self._direct[query] = self.dialect.direct(query)
        direct = self._direct[query]
        if direct is None:
            found: Sequence[Any] = (await self.read(lambda c: c.execute(query, params))).all()
            return found
        return direct.rows(await self.run_at_once(direct.text, direct.arguments(params)))

    async def ping(self) -> None:
        """Find out whether the database is there. Raises DatabaseUnavailable."""
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1"))

    async def open_connections(self, number: int) -> None:
        """Have so many connections open, so that the first calls find them. Raises DatabaseUnavailable."""
        await asyncio.gather(*(self.ping() for _ in range(number)))

    async def write(self, work: Work[T], committed: Callable[[], None] | None = None) -> T:
        """Run work in a transaction, and call `committed` after it. A cancelled caller cancels neither."""

        async def transact(attempt: _Attempt) -> T:
            async with self._writer.connect() as connection, connection.begin() as transaction:
                result = await work(connection)
                attempt.is_committing = True
                await transaction.commit()
                return result

        async def commit() -> T:
            result = await self._run(transact)
            if committed is not None:
                committed()
            return result

        return await self._shielded(commit())

    async def run_at_once(self, statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        """Run one statement that commits by itself, as asyncpg takes it; return its rows.

        A cancelled caller cancels it, or not. Only PostgreSQL's database can do this.
        """

        async def fetch(attempt: _Attempt) -> Sequence[Any]:
            return await self._raw_connections.fetch(statement, arguments)

        return await self._run(fetch)

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._writes.add(task)
        task.add_done_callback(self._wrote)
        return await asyncio.shield(task)

    def _wrote(self, task: asyncio.Future[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            # Nobody may be left to see the error; asyncio would log it as never retrieved.
            task.exception()

    async def _run(self, make: Callable[[_Attempt], Awaitable[T]]) -> T:
        for number in range(1, _ATTEMPTS + 1):
            attempt = _Attempt()
            try:
                return await make(attempt)
            except HoldfastError:
                raise
            except Exception as error:
                cause = driver_error(error)
                # A connection may have died in the pool: a new one is worth a try, but not when the
                # commit was sent, for it may have been carried out.
                stale = isinstance(error, DBAPIError) and error.connection_invalidated and number == 1
                again = not attempt.is_committing and (stale or self.dialect.is_transient(cause))
                if again and number < _ATTEMPTS:
                    continue
                if isinstance(error, PoolTimeout) or self.dialect.is_unavailable(cause):
                    self.lost.set()
                    raise DatabaseUnavailable from error
                if self.dialect.is_schema_error(cause):
                    self.lost.set()
                    raise SchemaMismatch(
                        "the database's schema is not the one this server knows: run 'holdfast migrate'"
                    ) from error
                raise
        raise AssertionError("the last attempt returns or raises")

    def pool_status(self) -> dict[str, int]:
        """Return how many connections are open and in use."""
        pool: Any = self._readers.sync_engine.pool
        size = pool.checkedin() + pool.checkedout()
        return {"size": size, "in_use": pool.checkedout() - self._raw_connections.idle}

    async def close(self) -> None:
        """Finish the writes that are under way, their callers gone or not, and close all connections."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._raw_connections.close()
        await self._readers.dispose()
        if self._writer is not self._readers:
            await self._writer.dispose()


def driver_error(error: BaseException) -> BaseException | None:
    """Return the driver's own error inside of SQLAlchemy's wrappings."""
    seen: BaseException | None = error
    while isinstance(seen, DBAPIError) or (seen is not None and seen.__cause__ is not None):
        inner = seen.orig if isinstance(seen, DBAPIError) and seen.orig is not None else seen.__cause__
        if inner is None or inner is seen:
            break
        seen = inner
    return seen
