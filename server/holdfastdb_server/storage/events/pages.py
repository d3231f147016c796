"""Pages of events: of one session, between two sequences, or of one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.domain.paging import Cursor
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.events.filters import event_conditions
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE
from holdfastdb_server.storage.query.pages import PageQuery
from holdfastdb_server.storage.schema import events

_GREATEST = 2**63 - 1


class EventPages:
    """Reads pages of events."""

    def __init__(self, dialect: Dialect) -> None:
        self._conditions = event_conditions(dialect)
        self._queries: Queries[PageQuery] = Queries()

    async def of_session(
        self,
        connection: AsyncConnection,
        session_key: int,
        where: EventFilter,
        size: int,
        *,
        after: int = 0,
        before: int = 0,
        descending: bool = False,
    ) -> tuple[Sequence[Any], bool]:
        """Return rows of a session strictly between the sequences (`before` 0: no bound)."""

        shape = self._conditions.shape(where)

        def build() -> PageQuery:
            picked = _keys().where(
                events.c.session_key == _integer("session_key"),
                events.c.sequence > _integer("after"),
                events.c.sequence < _integer("before"),
                *self._conditions.build(shape),
            )
            return _page(picked, descending)

        query = self._queries.get(("session", shape, descending), build)
        params = {"session_key": session_key, "after": after, "before": before or _GREATEST}
        return await query.read(connection, size, params | self._conditions.params(where))

    async def of_trace(
        self,
        connection: AsyncConnection,
        namespace: str,
        where: EventFilter,
        size: int,
        *,
        after: Cursor | None,
        descending: bool,
    ) -> tuple[Sequence[Any], bool]:
        """Return rows of the filter's trace that follow the (session key, sequence)."""

        shape = self._conditions.shape(where)

        def build() -> PageQuery:
            position = sa.tuple_(events.c.session_key, events.c.sequence)
            bound = sa.tuple_(_integer("after_key"), _integer("after_sequence"))
            picked = _keys().where(
                events.c.namespace == NAMESPACE,
                position < bound if descending else position > bound,
                *self._conditions.build(shape),
            )
            return _page(picked, descending)

        query = self._queries.get(("trace", shape, descending), build)
        start = (_GREATEST, _GREATEST) if descending else (0, 0)
        key, sequence = after or start
        params = {"namespace": namespace, "after_key": key, "after_sequence": sequence}
        return await query.read(connection, size, params | self._conditions.params(where))


def _keys() -> sa.Select[Any]:
    return sa.select(events.c.session_key, events.c.sequence, events.c.size)


def _page(picked: sa.Select[Any], descending: bool) -> PageQuery:
    order = [(events.c.session_key, descending), (events.c.sequence, descending)]
    return PageQuery(events, picked, order)


def _integer(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)
