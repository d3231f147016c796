"""The writer: how everything that appends to sessions, or that somebody waits for, is written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.write_path.statements import Statements
from holdfastdb_server.storage.write_path.transaction import Transaction

T = TypeVar("T")


class Writer:
    """Runs work in a transaction, and signals its topics once it is committed."""

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

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Return what the work returns. It may be run again, on a new transaction, before it is committed.

        A cancelled caller cancels neither the commit nor the signals.
        """
        topics: set[str] = set()

        async def attempt(connection: AsyncConnection) -> T:
            nonlocal topics
            transaction = Transaction(connection, self._statements, self._versions_kept)
            topics = transaction.topics
            return await work(transaction)

        return await self._database.write(attempt, lambda: self._published(topics))
