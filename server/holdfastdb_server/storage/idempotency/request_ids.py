"""Requests with an id: carried out once, and answered again with the first answer.

A request to a session has an id of its own within that session, any other within its namespace.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import RequestIdTaken
from holdfastdb_server.storage.engines.base import Dialect, InlineRows
from holdfastdb_server.storage.schema import requests


class Conflict(Exception):
    """Another transaction has written what this one found missing: run the work again."""


class RequestName(NamedTuple):
    """What names a request. An empty `request_id`: it has no name, and is carried out each time."""

    namespace: str
    request_id: str
    session_key: int | None = None
    """The session that the request is to, which the transaction has locked; None: it is to none."""


class RequestStatements:
    """The statements on requests, built once."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.to_sessions = InlineRows(dialect, "q", {"session_key": sa.BigInteger(), "request_id": sa.Text()})
        self.find_to_sessions = sa.select(requests).join(
            self.to_sessions.table,
            sa.and_(
                requests.c.session_key == self.to_sessions.c.session_key,
                requests.c.request_id == self.to_sessions.c.request_id,
            ),
        )
        self.find_in_namespace = sa.select(requests).where(
            requests.c.namespace == sa.bindparam("namespace"),
            requests.c.request_id == sa.bindparam("request_id"),
            requests.c.session_key.is_(None),
        )


class Idempotency:
    """The requests with an id that one transaction carries out.

    They are looked up first. Their rows are written with the transaction's other rows; if another
    transaction was faster, that raises Conflict, and the work finds them when it is run again.
    """

    def __init__(self, connection: AsyncConnection, statements: RequestStatements, now: datetime) -> None:
        self._connection = connection
        self._sql = statements
        self._now = now
        self._known: dict[RequestName, tuple[bytes, str]] = {}
        self._reserved: dict[RequestName, bytes] = {}
        self._rows: list[tuple[Any, ...]] = []

    async def look_up(self, names: Collection[RequestName]) -> None:
        """Read which of the requests were carried out."""
        names = [name for name in names if name.request_id]
        to_sessions = [(name.session_key, name.request_id) for name in names if name.session_key is not None]
        found: list[Any] = []
        if to_sessions:
            params = self._sql.to_sessions.params(to_sessions)
            found += await self._connection.execute(self._sql.find_to_sessions, params)
        for name in names:
            if name.session_key is None:
                params = {"namespace": name.namespace, "request_id": name.request_id}
                found += await self._connection.execute(self._sql.find_in_namespace, params)
        for row in found:
            name = RequestName(row.namespace, row.request_id, row.session_key)
            self._known[name] = (bytes(row.fingerprint), row.result)

    async def reserve(self, name: RequestName, fingerprint: bytes) -> str | None:
        """Look a request up; return its first answer, or None: carry it out, then `complete` it.

        Raises RequestIdTaken if the id was used for a request with another fingerprint.
        """
        await self.look_up([name])
        return self.reserve_known(name, fingerprint)

    def reserve_known(self, name: RequestName, fingerprint: bytes) -> str | None:
        """Do what `reserve` does, without looking the request up."""
        if not name.request_id:
            return None
        known = self._known.get(name)
        if known is None:
            self._reserved[name] = fingerprint
            return None
        if known[0] != fingerprint:
            raise RequestIdTaken(name.request_id)
        return known[1]

    def complete(self, name: RequestName, result: str) -> None:
        """Keep the answer to a reserved request."""
        if name.request_id:
            fingerprint = self._reserved.pop(name)
            self._known[name] = (fingerprint, result)
            self._rows.append(self._row(name, fingerprint, result))

    async def write(self) -> None:
        """Write the requests that were completed. Raises Conflict if another transaction did so before.

        It waits for one that has written one of them and is not committed.
        """
        written, self._rows = self._rows, []
        if not written:
            return
        inserted = await self._sql.dialect.insert_missing_rows(self._connection, requests, written)
        if inserted < len(written):
            raise Conflict

    async def check_unknown(self) -> None:
        """Raise Conflict if another transaction has carried out one of the requests after all.

        For a transaction that has failed and is to be undone: its error is no answer then, but the other's
        answer is. Requests to sessions cannot race, for their session is locked.
        """
        unknown = [(name, fingerprint) for name, fingerprint in self._reserved.items()]
        unknown += [(RequestName(row[0], row[2], row[1]), row[3]) for row in self._rows]
        self._rows = [self._row(*each, "null") for each in unknown if each[0].session_key is None]
        await self.write()

    def _row(self, name: RequestName, fingerprint: bytes, result: str) -> tuple[Any, ...]:
        return (name.namespace, name.session_key, name.request_id, fingerprint, result, self._now)
