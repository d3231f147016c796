"""Lists of a session's states: the newest version of each key, or all versions."""

from __future__ import annotations

from collections.abc import Mapping
from operator import eq, gt, lt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.states import State, StateFilter
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, HasPrefix, Shape
from holdfastdb_server.storage.query.pages import PageQuery, fitting
from holdfastdb_server.storage.schema import state_versions, states
from holdfastdb_server.storage.write_path import rows

_SESSION_KEY = sa.bindparam("session_key", type_=sa.BigInteger)


class StateLists:
    """Pages of states by key, and of the versions of a key from the newest to the oldest."""

    def __init__(self, dialect: Dialect) -> None:
        heads, versions = _ListedTable(dialect, states), _ListedTable(dialect, state_versions)
        self._tables: Mapping[bool, _ListedTable] = {False: heads, True: versions}

    async def read(
        self, connection: AsyncConnection, session_key: int, where: StateFilter, page: PageRequest
    ) -> Page[State]:
        """Return a page of a session's states. A cursor is (key, version)."""
        return await self._tables[where.all_versions].read(connection, session_key, where, page)


class _ListedTable:
    """Lists that go through one table: all versions, or the heads, each of which names its newest one."""

    def __init__(self, dialect: Dialect, table: sa.Table) -> None:
        self._table = table
        self._of_keys = Conditions(
            dialect,
            {
                "key_prefix": HasPrefix(table.c.key),
                "key_after": Compares(table.c.key, gt),
                "key_before": Compares(table.c.key, lt),
            },
        )
        self._of_versions = Conditions(
            dialect,
            {
                "metadata": HasMembers(state_versions.c.metadata, indexed=False),
                "run_id": Compares(state_versions.c.run_id, eq),
            },
        )
        self._pages: Queries[PageQuery] = Queries()
        self._counts: Queries[sa.Select[Any]] = Queries()

    async def read(
        self, connection: AsyncConnection, session_key: int, where: StateFilter, page: PageRequest
    ) -> Page[State]:
        matching = (self._of_keys.shape(where), self._of_versions.shape(where))
        shape = (*matching, page.descending, page.after is None, where.omit_payload)
        query = self._pages.get(shape, lambda: self._page_query(*shape))
        params = {
            "session_key": session_key,
            **self._of_keys.params(where),
            **self._of_versions.params(where),
        }
        found, more = await query.read(connection, page.size, params | _position(page))
        # The database has counted the payloads too.
        shown = fitting(found, rows.state_head_size) if where.omit_payload else found
        more = more or len(shown) < len(found)
        total = None
        if page.with_total:
            total = await connection.scalar(
                self._counts.get(matching, lambda: self._count_query(*matching)), params
            )
        return Page(
            [rows.state_of(row, omit_payload=where.omit_payload) for row in shown],
            (shown[-1].key, shown[-1].version) if more else None,
            total,
        )

    def _page_query(
        self, of_keys: Shape, of_versions: Shape, descending: bool, is_first: bool, omit_payload: bool
    ) -> PageQuery:
        picked = self._matching(of_keys, of_versions)
        if not is_first:
            picked = picked.where(self._after(descending))
        order = [(self._table.c.key, descending), (self._table.c.version, True)]
        return PageQuery(state_versions, picked, order, ("body", "data") if omit_payload else ())

    def _count_query(self, of_keys: Shape, of_versions: Shape) -> sa.Select[Any]:
        return sa.select(sa.func.count()).select_from(self._matching(of_keys, of_versions).subquery())

    def _matching(self, of_keys: Shape, of_versions: Shape) -> sa.Select[Any]:
        listed = self._table.c
        found = self._of_versions.build(of_versions)
        size: sa.ColumnElement[int] = state_versions.c.size
        if self._table is states:
            # A subquery for each head, not a join: a page then reads only the versions that it shows.
            version = sa.and_(
                *(
                    state_versions.c[c.name] == c
                    for c in (states.c.session_key, states.c.key, states.c.version)
                )
            )
            size = sa.select(size).where(version).scalar_subquery().label("size")
            found = [sa.exists().where(version, *found)] if found else []
        return sa.select(listed.session_key, listed.key, listed.version, size).where(
            listed.session_key == _SESSION_KEY, *found, *self._of_keys.build(of_keys)
        )

    def _after(self, descending: bool) -> sa.ColumnElement[bool]:
        """Whether a version comes after the cursor; newer versions of a key come first either way."""
        key = self._table.c.key
        last = sa.bindparam("after_key", type_=key.type)
        is_further = key < last if descending else key > last
        if self._table is states:
            return is_further
        is_older = state_versions.c.version < sa.bindparam("after_version")
        # The first condition alone bounds the index scan.
        return sa.and_(key <= last if descending else key >= last, sa.or_(is_further, is_older))


def _position(page: PageRequest) -> dict[str, Any]:
    if page.after is None:
        return {}
    key, version = page.after
    return {"after_key": key, "after_version": version}
