"""Connections and transactions: how every statement of the storage runs."""

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
# How many statements group commit, the announcer and the point reads run at the same time under load.
_RAW_CONNECTIONS_KEPT = 8


@dataclass(slots=True)
class _Attempt:
    """An attempt to run some work."""

    is_committing: bool = False
    """Whether COMMIT was sent: its outcome is unknown if the connection is lost."""


class Database:
    """Runs work on a connection, in a transaction for writes.

    Raises DatabaseUnavailable and SchemaMismatch for the driver's errors that mean so. Its other errors are
    bugs of ours, and are raised as they are.
    """

    def __init__(self, readers: AsyncEngine, writer: AsyncEngine, dialect: Dialect, pool_max: int) -> None:
        self._readers = readers
        self._writer = writer
        self.dialect = dialect
        # At most half of the pool: the rest is for all other statements.
        self._raw_connections = RawConnections(writer, min(_RAW_CONNECTIONS_KEPT, pool_max // 2))
        self._direct: dict[sa.Select[Any], DirectSelect | None] = {}
        self._writes: set[asyncio.Future[Any]] = set()
        self.lost = asyncio.Event()
        """Set when work finds the database unavailable; Availability clears it."""

    async def read(self, work: Work[T]) -> T:
        """Run statements that only read. Each commits by itself, and has a snapshot of its own."""

        async def read_once(attempt: _Attempt) -> T:
            async with self._readers.connect() as connection:
                return await work(connection)

        return await self._run(read_once)

    async def select(self, query: sa.Select[Any], params: Mapping[str, Any]) -> Sequence[Any]:
        """Return the rows of a query that runs often: without SQLAlchemy, where the engine gains by it.

        It must be the same object every time, for it is compiled once.
        """
        if query not in self._direct:
            self._direct[query] = self.dialect.direct(query)
        direct = self._direct[query]
        if direct is None:
            found: Sequence[Any] = (await self.read(lambda c: c.execute(query, params))).all()
            return found
        return direct.rows(await self.run_at_once(direct.text, direct.arguments(params)))

    async def ping(self) -> None:
        """Run a statement that needs no table. Raises DatabaseUnavailable."""
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1"))

    async def open_connections(self, number: int) -> None:
        """Open so many connections in advance of the first calls. Raises DatabaseUnavailable."""
        await asyncio.gather(*(self.ping() for _ in range(number)))

    async def write(self, work: Work[T], committed: Callable[[], None] | None = None) -> T:
        """Run work in a transaction, commit, and call `committed`. A cancelled caller cancels none of it."""

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

        If the caller is cancelled it may be committed or not. Only for PostgreSQL.
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
            # Retrieve the error: asyncio logs one that nobody retrieves, as of a cancelled caller.
            task.exception()

    async def _run(self, make: Callable[[_Attempt], Awaitable[T]]) -> T:
        number = 0
        while True:
            number += 1
            attempt = _Attempt()
            try:
                return await make(attempt)
            except HoldfastError:
                raise
            except Exception as error:
                cause = driver_error(error)
                # A pooled connection may have been closed by the server: try once more with a new one. Not
                # after COMMIT was sent, which may have been carried out.
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

    def pool_status(self) -> dict[str, int]:
        """Return how many connections are open and in use."""
        pool: Any = self._readers.sync_engine.pool
        size = pool.checkedin() + pool.checkedout()
        return {"size": size, "in_use": pool.checkedout() - self._raw_connections.idle}

    async def close(self) -> None:
        """Finish the writes under way, those of cancelled callers too, and close all connections."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._raw_connections.close()
        await self._readers.dispose()
        if self._writer is not self._readers:
            await self._writer.dispose()


def driver_error(error: BaseException) -> BaseException:
    """Return the driver's own error out of SQLAlchemy's."""
    while inner := (error.orig if isinstance(error, DBAPIError) else None) or error.__cause__:
        error = inner
    return error
