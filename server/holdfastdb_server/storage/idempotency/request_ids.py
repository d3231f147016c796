"""Requests with an id that belong to no session: carried out once, answered again."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import RequestIdTaken
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.schema import requests


class Idempotency:
    """What is known of requests, in the transactions that carry them out."""

    def __init__(self, dialect: Dialect) -> None:
        named = sa.and_(
            requests.c.namespace == sa.bindparam("in_namespace"),
            requests.c.request_id == sa.bindparam("with_id"),
        )
        insert = dialect.insert(requests).on_conflict_do_nothing()
        self._insert = insert.returning(requests.c.request_id)
        self._select = sa.select(requests).where(named)
        self._update = requests.update().where(named).values(result=sa.bindparam("new_result"))

    async def reserve(
        self, connection: AsyncConnection, namespace: str, request_id: str, fingerprint: bytes
    ) -> str | None:
        """Return the result of a request that was carried out; None: carry it out, then `complete` it.

        Of two that race, the second waits here for the first one's commit. Raises RequestIdTaken if the
        id was used for another request. An empty id is never known.
        """
        if not request_id:
            return None
        values = {
            "namespace": namespace,
            "request_id": request_id,
            "fingerprint": fingerprint,
            "create_time": datetime.now(UTC),
        }
        if (await connection.execute(self._insert, values)).first() is not None:
            return None
        name = {"in_namespace": namespace, "with_id": request_id}
        known = (await connection.execute(self._select, name)).one()
        if bytes(known.fingerprint) != fingerprint:
            raise RequestIdTaken(request_id)
        result: str = known.result
        return result

    async def complete(
        self, connection: AsyncConnection, namespace: str, request_id: str, result: str
    ) -> None:
        """Keep the result of a request that was reserved."""
        if request_id:
            name = {"in_namespace": namespace, "with_id": request_id}
            await connection.execute(self._update, {**name, "new_result": result})
