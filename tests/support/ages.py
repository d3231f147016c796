"""Making what is stored older than it is, so that no test waits."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.schema import metadata
from holdfastdb_server.storage.store import SqlStore


async def age(store: SqlStore, by: timedelta) -> None:
    """Put every time of every row so far into the past, as if all had been stored so much earlier."""

    async def work(connection: AsyncConnection) -> None:
        for table in metadata.sorted_tables:
            times = [column for column in table.columns if isinstance(column.type, Micros)]
            if times:
                await _age_table(connection, table, times, by)

    await store._database.write(work)


async def age_row(store: SqlStore, name: sa.Column[str], value: str, by: timedelta) -> None:
    """Do so with those rows of a table in which a column has this value."""
    table = name.table
    assert isinstance(table, sa.Table)
    times = [column for column in table.columns if isinstance(column.type, Micros)]
    await store._database.write(lambda connection: _age_table(connection, table, times, by, name == value))


async def _age_table(
    connection: AsyncConnection,
    table: sa.Table,
    times: list[sa.Column[object]],
    by: timedelta,
    *conditions: sa.ColumnElement[bool],
) -> None:
    key = list(table.primary_key.columns)
    for row in (await connection.execute(sa.select(*key, *times).where(*conditions))).mappings().all():
        earlier = {time: None if row[time] is None else row[time] - by for time in times}
        is_it = [column == row[column] for column in key]
        await connection.execute(table.update().where(*is_it).values(earlier))
