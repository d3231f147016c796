"""Requests with an id that belong to no session: carried out once, answered again."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast_server.domain.errors import RequestIdTaken
from holdfast_server.storage.dialect import Dialect
from holdfast_server.storage.schema import requests


class Requests:
    """What is known of requests, in the transactions that carry them out."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    async def claim(
        self, connection: AsyncConnection, namespace: str, request_id: str, fingerprint: bytes
    ) -> str | None:
        """Return the result of a request that was carried out; None: carry it out, then `finish` it.

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
        insert = self._dialect.insert(requests).values(values).on_conflict_do_nothing()
        if (await connection.execute(insert)).rowcount:
            return None
        known = (await connection.execute(sa.select(requests).where(*_is(namespace, request_id)))).one()
        if bytes(known.fingerprint) != fingerprint:
            raise RequestIdTaken(request_id)
        result: str = known.result
        return result

    async def finish(self, connection: AsyncConnection, namespace: str, request_id: str, result: str) -> None:
        """Keep the result of a request that was claimed."""
        if request_id:
            await connection.execute(
                requests.update().where(*_is(namespace, request_id)).values(result=result)
            )


def _is(namespace: str, request_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return requests.c.namespace == namespace, requests.c.request_id == request_id
