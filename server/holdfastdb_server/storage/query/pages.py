"""Pages of rows that may be large: bounded in number and in bytes, by the database itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import InvalidPageToken
from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.storage.engines.columns import Micros, from_micros

Order = Sequence[tuple[Any, bool]]
"""Columns to order by, unique together, and whether each descends."""


class Pages(Protocol):
    """A query whose pages can be read."""

    async def read(
        self, connection: AsyncConnection, size: int, params: Mapping[str, Any]
    ) -> tuple[Sequence[Any], bool]:
        """Return the rows of a page of at most `size`, and whether more follow."""
        ...


class WholeRows:
    """Pages of a table without a `size`, whose rows are small enough to be read before they are cut."""

    def __init__(
        self, table: sa.Table, picked: sa.Select[Any], order: Order, row_size: Callable[[Any], int]
    ) -> None:
        rows = picked.with_only_columns(*table.columns).order_by(*directed(order))
        self._query = rows.limit(sa.bindparam("limit"))
        self._row_size = row_size

    async def read(
        self, connection: AsyncConnection, size: int, params: Mapping[str, Any]
    ) -> tuple[Sequence[Any], bool]:
        found = (await connection.execute(self._query, {"limit": size + 1, **params})).all()
        shown = fitting(found[:size], self._row_size)
        return shown, len(shown) < len(found)


class PageQuery:
    """A page of a table's rows.

    `picked` selects the primary keys of the rows, what they are ordered by, and their `size`, unbounded
    and unordered. Bodies are read only of the rows that the page has room for: a thousand events of 3 MiB
    would fill the memory. What is ordered by and is no column of the table, a rank, is in the rows too.
    """

    def __init__(
        self, table: sa.Table, picked: sa.Select[Any], order: Order, omit: Sequence[str] = ()
    ) -> None:
        keys = [column.name for column in table.primary_key.columns]
        limited = picked.order_by(*directed(order)).limit(sa.bindparam("limit"))
        inner = limited.subquery("picked").c
        ranks = [column.name for column, _ in order if column.name not in table.c]
        running = sa.select(
            *(inner[name] for name in (*keys, *ranks)),
            inner.size,
            sa.func.sum(inner.size)
            .over(order_by=directed([(inner[column.name], descends) for column, descends in order]))
            .label("total"),
            sa.func.count().over().label("found"),
        ).subquery("running")
        columns = [sa.null().label(c.name) if c.name in omit else c for c in table.columns]
        outer = [((running.c if c.name in ranks else table.c)[c.name], descends) for c, descends in order]
        query = (
            sa.select(*columns, *(running.c[name] for name in ranks), running.c.found)
            .join(running, sa.and_(*(table.c[name] == running.c[name] for name in keys)))
            .order_by(*directed(outer))
        )
        if not omit:
            is_first = running.c.total == running.c.size
            query = query.where(sa.or_(running.c.total <= PAGE_BYTES, is_first))
        self._query = query

    async def read(
        self, connection: AsyncConnection, size: int, params: Mapping[str, Any]
    ) -> tuple[Sequence[Any], bool]:
        """Return the rows of a page of at most `size`, and whether more follow."""
        rows = (await connection.execute(self._query, {"limit": size + 1, **params})).all()
        more = bool(rows) and rows[0].found > min(len(rows), size)
        return rows[:size], more


def fitting(found: Sequence[Any], size: Callable[[Any], int]) -> Sequence[Any]:
    """Return as many of the rows as a page has room for, at least one."""
    total = 0
    for index, row in enumerate(found):
        total += size(row)
        if total > PAGE_BYTES and index:
            return found[:index]
    return found


def time_position(page: PageRequest) -> dict[str, Any]:
    """Return the parameters of `after_time`."""
    if page.after is None:
        return {}
    micros, key = page.after
    return {"after_time": cursor_time(micros), "after_key": key}


def after_time(time: sa.Column[Any], key: sa.Column[Any], descending: bool) -> sa.ColumnElement[bool]:
    """Whether a row comes after a cursor of (time in microseconds, key)."""
    position = sa.tuple_(time, key)
    cursor = sa.tuple_(sa.bindparam("after_time", type_=Micros), sa.bindparam("after_key"))
    return position < cursor if descending else position > cursor


def cursor_time(micros: int | str) -> datetime:
    """Return the time in a cursor. Raises InvalidPageToken when it was forged."""
    try:
        return from_micros(int(micros))
    except OverflowError:
        raise InvalidPageToken from None


def directed(order: Order) -> list[Any]:
    """Return what stands in the ORDER BY."""
    return [column.desc() if descends else column.asc() for column, descends in order]
