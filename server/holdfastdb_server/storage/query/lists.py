"""Lists of resources by time: a page for a filter, its cursor, and the total count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.paging import Cursor, PageRequest
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE, Conditions
from holdfastdb_server.storage.query.pages import Order, PageQuery, Pages, after_time, fitting, time_position


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of rows."""

    rows: Sequence[Any]
    next: Cursor | None
    """The cursor of the page after it; None on the last one."""
    total: int | None
    """How many rows match, if asked for."""


MakePages = Callable[[sa.Select[Any], Order, bool], Pages]
"""Makes pages of a Select of keys and times, an order, and whether payloads are left out."""


class TimeList:
    """The rows of a table, which has a namespace, by (`time`, key).

    A cursor is the same pair, the time in microseconds. Queries are built once a shape of filter and page.
    """

    def __init__(
        self,
        table: sa.Table,
        time: sa.Column[Any],
        conditions: Conditions,
        *,
        payloads: Sequence[str] = (),
        head_size: Callable[[Any], int] | None = None,
        make_pages: MakePages | None = None,
    ) -> None:
        """`payloads` are the columns that a list may leave out, and `head_size` is what a row takes then."""
        self._table = table
        self._time = time
        self._conditions = conditions
        self._head_size = head_size
        self._payloads = payloads
        self._make_pages = make_pages or self._make_sized_pages
        self._queries: Queries[Pages] = Queries()
        self._counts: Queries[sa.Select[Any]] = Queries()

    async def read(
        self,
        connection: AsyncConnection,
        namespace: str,
        where: object,
        page: PageRequest,
        *,
        omit_payload: bool = False,
        **params: Any,
    ) -> Listed:
        """Return a page. `params` are parameters of the conditions beside those of the filter."""
        shape = self._conditions.shape(where)
        of_page = (shape, page.descending, page.after is None, omit_payload)
        query = self._queries.get(of_page, lambda: self._build(*of_page))
        values = {"namespace": namespace, **self._conditions.params(where), **params}
        found, more = await query.read(connection, page.size, values | time_position(page))
        shown = found
        if omit_payload and self._head_size:
            # The database has counted the payloads too.
            shown = fitting(found, self._head_size)
            more = more or len(shown) < len(found)
        last = shown[-1] if more else None
        return Listed(
            shown,
            None if last is None else (to_micros(getattr(last, self._time.name)), last.key),
            await self._count(connection, shape, values) if page.with_total else None,
        )

    async def _count(self, connection: AsyncConnection, shape: Any, values: Mapping[str, Any]) -> int | None:
        def build() -> sa.Select[Any]:
            return sa.select(sa.func.count()).select_from(self._table).where(*self._matching(shape))

        count: int | None = await connection.scalar(self._counts.get(shape, build), values)
        return count

    def _build(self, shape: Any, descending: bool, is_first: bool, omit_payload: bool) -> Pages:
        key = self._table.c.key
        picked = sa.select(key, self._time).where(*self._matching(shape))
        if not is_first:
            picked = picked.where(after_time(self._time, key, descending))
        return self._make_pages(picked, [(self._time, descending), (key, descending)], omit_payload)

    def _make_sized_pages(self, picked: sa.Select[Any], order: Order, omit_payload: bool) -> Pages:
        sized = picked.add_columns(self._table.c.size)
        return PageQuery(self._table, sized, order, self._payloads if omit_payload else ())

    def _matching(self, shape: Any) -> list[sa.ColumnElement[bool]]:
        return [self._table.c.namespace == NAMESPACE, *self._conditions.build(shape)]
