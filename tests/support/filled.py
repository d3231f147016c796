"""Stores with thousands of rows, and which indexes their calls enter.

The statements are those that the store runs, the plans those that the engine chooses by its own
statistics of tables that are large enough for it to care.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, Micros, Searchable
from holdfastdb_server.storage.store import SqlStore
from tests.support.databases import Databases
from tests.support.explained import Access, Explainer, Statement, explainer, statements
from tests.support.stores import StoreOpener

START = datetime(2024, 1, 1, tzinfo=UTC)
_FOR_EVER = 1_000_000.0


class FilledStore:
    """A store with many rows in some tables, and the means to explain what it runs."""

    def __init__(
        self, store: SqlStore, explainer: Explainer, tables: Collection[str], for_any_parameters: bool
    ) -> None:
        self.store = store
        self._explainer = explainer
        self._tables = tables
        self._for_any_parameters = for_any_parameters

    async def check(self, *calls: Awaitable[Any], rows: int | None = None) -> set[str]:
        """Check that the calls enter indexes only; return which.

        With `rows`, no statement may look at more rows than that, as far as the engine tells.
        """
        with statements(self.store) as seen:
            for call in calls:
                await call
        assert seen
        used: set[str] = set()
        for statement in seen:
            accesses = self._of_large(await self._explainer.accesses(statement))
            looked_at = sum(access.rows or 0 for access in accesses)
            assert rows is None or looked_at <= rows, (looked_at, accesses, statement)
            used |= {_index_entered(access, statement) for access in accesses}
            if self._for_any_parameters:
                for access in self._of_large(await self._explainer.generic_accesses(statement)):
                    _index_entered(access, statement)
        return used

    def _of_large(self, accesses: list[Access]) -> list[Access]:
        return [access for access in accesses if access.table in self._tables]


def _index_entered(access: Access, statement: Statement) -> str:
    assert access.index is not None, ("reads a whole table", access, statement)
    assert access.is_bounded, ("reads a whole index", access, statement)
    return access.index


@asynccontextmanager
async def filled_store(
    request: pytest.FixtureRequest,
    fill: Callable[[SqlStore], Awaitable[None]],
    tables: Collection[str],
    *,
    for_any_parameters: bool = False,
) -> AsyncIterator[FilledStore]:
    """Open a store on a database of its own on the engine that is the request's parameter, and fill it.

    It has no janitor and polls for nothing: what it runs is what it is asked for. `for_any_parameters`: look
    too at the plans that statements get which a connection has prepared and run a few times.
    """
    async with AsyncExitStack() as stack:
        databases: Databases = request.getfixturevalue(request.param)
        url = await stack.enter_async_context(databases.fresh())
        opener = StoreOpener(url)
        stack.push_async_callback(opener.close)
        store = await opener(janitor_interval=0, poll_interval=_FOR_EVER)
        await fill(store)
        explains = await stack.enter_async_context(explainer(url))
        await explains.analyze()
        yield FilledStore(store, explains, tables, for_any_parameters)


_PLAIN: dict[type[Any], Any] = {
    sa.Text: "",
    sa.Integer: 0,
    sa.LargeBinary: b"",
    JsonText: "{}",
    Micros: START,
    Searchable: {},
}


def plain_row(table: sa.Table) -> dict[str, Any]:
    """Return the columns that a row must have, with nothing in them and the time START."""
    needed = [column for column in table.columns if not (column.nullable or column.identity)]
    return {
        column.name: next(value for kind, value in _PLAIN.items() if isinstance(column.type, kind))
        for column in needed
    }


async def insert(store: SqlStore, table: sa.Table, rows: Collection[dict[str, Any]]) -> None:
    """Put rows into a table, past the API."""
    await store._database.write(lambda connection: connection.execute(table.insert(), list(rows)))
