"""The writer: how everything that appends to sessions, or that somebody waits for, is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.write_path.statements import Statements
from holdfastdb_server.storage.write_path.transaction import Batch

T = TypeVar("T")


class Writer:
    """Runs work on a batch in a transaction, and signals the batch's topics once that is committed."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        versions_kept: int,
        published: Callable[[set[str]], None],
    ) -> None:
        self._database = database
        self._statements = statements
        self._versions_kept = versions_kept
        self._published = published

    async def run(self, work: Callable[[Batch], Awaitable[T]]) -> T:
        """Return what the work returns. It may be run again, on a new batch, before it is committed.

        A cancelled caller cancels neither the commit nor the signals.
        """
        topics: set[str] = set()

        async def attempt(connection: AsyncConnection) -> T:
            nonlocal topics
            batch = Batch(connection, self._statements, self._versions_kept)
            topics = batch.topics
            return await work(batch)

        return await self._database.write(attempt, lambda: self._published(topics))
