"""How many rows a page has: as many as were asked for, as PAGE_BYTES have room for, and at least one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from holdfastdb_server.domain.errors import InvalidPageToken
from holdfastdb_server.domain.limits import PAGE_BYTES
from holdfastdb_server.storage.query.pages import PageQuery, Pages, WholeRows, cursor_time, fitting


class Seen(sa.TypeDecorator[int]):
    """An integer that notes which values are read."""

    impl = sa.Integer
    cache_ok = True
    values: ClassVar[list[int]] = []

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        self.values.append(value)
        return value


_table = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("owner", sa.Integer, primary_key=True),
    sa.Column("key", Seen, primary_key=True),
    sa.Column("size", sa.Integer),
)
_PICKED = sa.select(_table.c.owner, _table.c.key, _table.c.size).where(_table.c.owner == 1)
# Not the order of the rows on the disk.
_ORDER = [(_table.c.key, True)]
_SIZED = PageQuery(_table, _PICKED, _ORDER)
_OMITTED = PageQuery(_table, _PICKED, _ORDER, ["size"])
_WHOLE = WholeRows(_table, _PICKED, _ORDER, attrgetter("size"))
_HALF = PAGE_BYTES // 2


@pytest.fixture
async def connection() -> AsyncIterator[AsyncConnection]:
    """A connection to a database with an empty table."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=sa.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_table.metadata.create_all)
        yield connection


async def read(connection: AsyncConnection, pages: Pages, sizes: list[int], size: int) -> tuple[int, bool]:
    """Return how many rows of these sizes the first page has, and whether more follow."""
    keys = range(len(sizes), 0, -1)
    rows = [{"key": key, "size": each} for key, each in zip(keys, sizes, strict=True)]
    if rows:
        await connection.execute(
            sa.insert(_table), [{"owner": owner, **row} for row in rows for owner in (1, 2)]
        )
    Seen.values.clear()
    found, more = await pages.read(connection, size, {})
    assert [(row.owner, row.key) for row in found] == [(1, key) for key in keys[: len(found)]]
    return len(found), more


@pytest.mark.parametrize("pages", [_SIZED, _WHOLE], ids=["by the database", "whole rows"])
@pytest.mark.parametrize(
    ("sizes", "size", "read_and_more"),
    [
        ([], 2, (0, False)),
        ([1, 1], 2, (2, False)),
        ([1, 1, 1], 2, (2, True)),
        ([1, 1, 1, 1], 2, (2, True)),
        ([_HALF, PAGE_BYTES - _HALF], 5, (2, False)),
        ([_HALF, PAGE_BYTES - _HALF, 1], 5, (2, True)),
        ([_HALF, PAGE_BYTES - _HALF + 1], 5, (1, True)),
        ([PAGE_BYTES + 1], 5, (1, False)),
        ([PAGE_BYTES + 1, 1], 5, (1, True)),
        ([1, PAGE_BYTES + 1, 1], 5, (1, True)),
    ],
)
async def test_a_page_has_as_many_rows_as_fit(
    connection: AsyncConnection, pages: Pages, sizes: list[int], size: int, read_and_more: tuple[int, bool]
) -> None:
    assert await read(connection, pages, sizes, size) == read_and_more


@pytest.mark.parametrize(
    "pages", [_SIZED, _OMITTED, _WHOLE], ids=["by the database", "omitted", "whole rows"]
)
async def test_a_page_reads_one_row_more_than_it_may_have(connection: AsyncConnection, pages: Pages) -> None:
    assert await read(connection, pages, [1] * 8, 2) == (2, True)
    assert Seen.values == [8, 7, 6]


async def test_rows_without_what_makes_them_large_are_not_cut(connection: AsyncConnection) -> None:
    assert await read(connection, _OMITTED, [PAGE_BYTES, PAGE_BYTES, 1], 2) == (2, True)


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([], 0), ([PAGE_BYTES - 1, 1], 2), ([PAGE_BYTES - 1, 2], 1), ([PAGE_BYTES + 1, 1], 1)],
)
def test_as_many_fit_as_have_the_bytes_of_a_page(sizes: list[int], count: int) -> None:
    assert fitting(sizes, int) == sizes[:count]


def test_the_time_of_a_cursor_is_read_in_microseconds() -> None:
    assert cursor_time("1000001") == datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)


def test_a_time_that_no_list_has_given_is_refused() -> None:
    with pytest.raises(InvalidPageToken):
        cursor_time(10**30)
