"""The writer: transactions that append to sessions, or that others wait for, and their signals."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency.request_ids import Conflict
from holdfastdb_server.storage.write_path.statements import Statements
from holdfastdb_server.storage.write_path.transaction import Transaction

T = TypeVar("T")

# Each Conflict means that another transaction has committed what this one finds at its next attempt. So many
# in a row mean that a statement does not find what the unique index does.
_ATTEMPTS = 20


class Writer:
    """Runs work in a transaction, and publishes its topics once it is committed."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        versions_kept: int,
        publish: Callable[[set[str]], None],
    ) -> None:
        self._database = database
        self._statements = statements
        self._versions_kept = versions_kept
        self._publish = publish

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run work, write what it planned, commit, publish its topics, and return what the work returned.

        After a Conflict, which it may raise itself, a deadlock or a lost connection the work is run again, in
        a new transaction; the last of many attempts raises the Conflict. A cancelled caller cancels neither
        the commit nor the signals.
        """
        topics: set[str] = set()

        async def attempt(connection: AsyncConnection) -> T:
            nonlocal topics
            transaction = Transaction(connection, self._statements, self._versions_kept)
            topics = transaction.topics
            try:
                result = await work(transaction)
                await transaction.write()
            except (Conflict, SQLAlchemyError):
                raise
            except Exception:
                # An error is no answer to a request that another transaction has carried out meanwhile.
                await transaction.requests.check_unknown()
                raise
            return result

        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(Conflict):
                return await self._database.write(attempt, lambda: self._publish(topics))
        return await self._database.write(attempt, lambda: self._publish(topics))
