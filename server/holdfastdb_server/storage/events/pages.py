"""Pages of events: of one session, between two sequences, or of one trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.events import EventFilter
from holdfastdb_server.domain.paging import Cursor
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.events.filters import event_conditions
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE
from holdfastdb_server.storage.query.pages import PageQuery, cursor_time
from holdfastdb_server.storage.schema import events, sessions

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
        after: int,
        before: int,
        descending: bool,
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
        """Return rows of the filter's trace by session, the sessions by the time of their creation.

        The cursor is (that time in microseconds, session key, sequence). The time of a row is `session_time`.
        """

        shape = self._conditions.shape(where)

        def build() -> PageQuery:
            # Looked up for each event, not joined: PostgreSQL would rather read all sessions by their key.
            # Materialized, so that it is looked up once for each.
            created = sa.select(sessions.c.create_time).where(sessions.c.key == events.c.session_key)
            placed = (
                _keys()
                .add_columns(created.correlate(events).scalar_subquery().label("session_time"))
                .where(events.c.namespace == NAMESPACE, *self._conditions.build(shape))
                .cte("placed")
                .prefix_with("MATERIALIZED")
            )
            position = (placed.c.session_time, placed.c.session_key, placed.c.sequence)
            picked = sa.select(placed)
            if after is not None:
                cursor = sa.tuple_(
                    sa.bindparam("after_time", type_=Micros),
                    _integer("after_key"),
                    _integer("after_sequence"),
                )
                is_after = sa.tuple_(*position) < cursor if descending else sa.tuple_(*position) > cursor
                picked = picked.where(is_after)
            order = [(column, descending) for column in position]
            return PageQuery(events, picked, order)

        query = self._queries.get(("trace", shape, descending, after is None), build)
        params = {"namespace": namespace, **self._conditions.params(where)}
        if after is not None:
            micros, key, sequence = after
            params |= {"after_time": cursor_time(micros), "after_key": key, "after_sequence": sequence}
        return await query.read(connection, size, params)


def _keys() -> sa.Select[Any]:
    return sa.select(events.c.session_key, events.c.sequence, events.c.size)


def _page(picked: sa.Select[Any], descending: bool) -> PageQuery:
    order = [(events.c.session_key, descending), (events.c.sequence, descending)]
    return PageQuery(events, picked, order)


def _integer(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)
