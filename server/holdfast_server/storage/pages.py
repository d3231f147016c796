"""Pages of rows that may be large: bounded in number and in bytes, by the database itself."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast_server.domain.limits import PAGE_BYTES

Order = list[tuple[sa.Column[Any], bool]]
"""Columns of the primary key to order by, and whether each descends."""


async def read_page(
    connection: AsyncConnection,
    table: sa.Table,
    picked: sa.Select[Any],
    order: Order,
    size: int,
    *,
    omit: tuple[str, ...] = (),
) -> tuple[list[Any], bool]:
    """Return the rows of a page and whether more follow.

    `picked` selects the primary keys of the rows and their `size`, unbounded and unordered. Bodies are read only of the rows that the page has room for: a page of a thousand events
    of 3 MiB would fill the memory.
    """
    keys = table.primary_key.columns
    picked = picked.order_by(*_directed(order, table.c)).limit(size + 1)
    inner = picked.subquery("picked")
    running = sa.select(
        *(inner.c[column.name] for column in keys),
        inner.c.size,
        sa.func.sum(inner.c.size).over(order_by=_directed(order, inner.c)).label("total"),
        sa.func.count().over().label("found"),
    ).subquery("running")
    columns = [sa.null().label(c.name) if c.name in omit else c for c in table.columns]
    fits = running.c.total - running.c.size < (sa.literal(PAGE_BYTES) if not omit else sa.literal(2**62))
    query = (
        sa.select(*columns, running.c.found)
        .join(running, sa.and_(*(table.c[column.name] == running.c[column.name] for column in keys)))
        .where(fits)
        .order_by(*_directed(order, table.c))
    )
    rows = list((await connection.execute(query)).all())
    more = bool(rows) and rows[0].found > min(len(rows), size)
    return rows[:size], more


def _directed(order: Order, columns: Any) -> list[Any]:
    return [columns[c.name].desc() if descends else columns[c.name].asc() for c, descends in order]
