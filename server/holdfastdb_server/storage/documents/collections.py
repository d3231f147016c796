"""Lists of collections as queries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.filters import CollectionFilter
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.storage.documents.rows import exists
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE, after_prefix
from holdfastdb_server.storage.schema import documents

_PREFIX, _SUFFIX, _DEPTH, _AFTER, _LIMIT = "prefix", "suffix", "max_depth", "after_path", "limit"


class BelowPath:
    """Whether a path begins with the segments of another: within one range, which an index finds."""

    def __init__(self, column: sa.ColumnElement[str]) -> None:
        self._column = column

    def shape(self, value: str) -> Hashable:
        return ()

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        path, inner, end = (sa.bindparam(f"{name}{part}", type_=sa.Text) for part in ("", "_inner", "_end"))
        within = sa.and_(self._column >= path, self._column < end)
        return sa.and_(within, sa.or_(self._column == path, self._column >= inner))

    def params(self, dialect: Dialect, name: str, value: str) -> Mapping[str, Any]:
        inner = f"{value}/"
        return {name: value, f"{name}_inner": inner, f"{name}_end": after_prefix(inner)}


class CollectionLists:
    """Pages of collections' paths, found one after the other by the index: not all documents are read."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._pages: Queries[sa.Select[Any]] = Queries()
        self._counts: Queries[sa.Select[Any]] = Queries()

    async def read(
        self, connection: AsyncConnection, namespace: str, where: CollectionFilter, page: PageRequest
    ) -> Page[str]:
        """Return a page of collections. A cursor is (path,)."""
        matching = (bool(where.prefix), bool(where.suffix), bool(where.max_depth))
        shape = (*matching, page.descending, page.after is None)
        query = self._pages.get(shape, lambda: self._page_query(*shape))
        params = {"namespace": namespace, "now": datetime.now(UTC), **self._values(where)}
        after = {} if page.after is None else {_AFTER: page.after[0]}
        found = list(await connection.scalars(query, {**params, **after, _LIMIT: page.size + 1}))
        total = None
        if page.with_total:
            count = self._counts.get(matching, lambda: self._count_query(*matching))
            total = await connection.scalar(count, params)
        more = len(found) > page.size
        shown = found[: page.size]
        return Page(shown, (shown[-1],) if more else None, total)

    def _page_query(
        self, has_prefix: bool, has_suffix: bool, has_depth: bool, descending: bool, is_first: bool
    ) -> sa.Select[Any]:
        is_plain = not has_suffix and not has_depth
        cursor = None if is_first else sa.bindparam(_AFTER, type_=sa.Text)
        # A cut path may come before the cursor though the path itself does not.
        start = cursor if is_plain or not descending else None
        limit = sa.bindparam(_LIMIT, type_=sa.Integer)
        paths = self._paths(has_prefix, descending, start, limit if is_plain else None)
        path = self._path(paths, has_depth)
        query = self._distinct(paths, path, has_suffix)
        if cursor is not None:
            query = query.where(path < cursor if descending else path > cursor)
        label = sa.column("path", sa.Text)
        return query.order_by(label.desc() if descending else label.asc()).limit(limit)

    def _count_query(self, has_prefix: bool, has_suffix: bool, has_depth: bool) -> sa.Select[Any]:
        paths = self._paths(has_prefix, False, None, None)
        found = self._distinct(paths, self._path(paths, has_depth), has_suffix)
        return sa.select(sa.func.count()).select_from(found.subquery())

    def _paths(self, has_prefix: bool, descending: bool, start: Any, limit: Any) -> sa.CTE:
        """Select the paths one after the other, at most `limit` of them."""
        first = sa.select(
            self._next(has_prefix, start, descending).label("path"), sa.literal(1).label("place")
        )
        paths = first.cte("paths", recursive=True)
        further = sa.select(
            self._next(has_prefix, paths.c.path, descending), paths.c.place + sa.literal(1)
        ).where(paths.c.path.is_not(None))
        if limit is not None:
            further = further.where(paths.c.place < limit)
        return paths.union_all(further)

    def _next(self, has_prefix: bool, after: Any, descending: bool) -> sa.ScalarSelect[Any]:
        row = documents.alias()
        query = sa.select(row.c.collection).where(row.c.namespace == NAMESPACE, exists(table=row))
        if has_prefix:
            query = query.where(BelowPath(row.c.collection).build(self._dialect, _PREFIX, ()))
        if after is not None:
            query = query.where(row.c.collection < after if descending else row.c.collection > after)
        order = row.c.collection.desc() if descending else row.c.collection.asc()
        return query.order_by(order).limit(1).scalar_subquery()

    def _path(self, paths: sa.CTE, has_depth: bool) -> sa.ColumnElement[str]:
        path: sa.ColumnElement[str] = paths.c.path
        depth = sa.bindparam(_DEPTH, type_=sa.Integer)
        return self._dialect.first_segments(path, depth) if has_depth else path

    def _distinct(self, paths: sa.CTE, path: sa.ColumnElement[str], has_suffix: bool) -> sa.Select[Any]:
        query = sa.select(path.label("path")).where(paths.c.path.is_not(None)).distinct()
        return query.where(_ends_with(paths.c.path)) if has_suffix else query

    def _values(self, where: CollectionFilter) -> dict[str, Any]:
        """Return the filter's values as parameters, only those that it has."""
        values: dict[str, Any] = {}
        if where.prefix:
            values |= BelowPath(documents.c.collection).params(self._dialect, _PREFIX, where.prefix)
        if where.suffix:
            values[_SUFFIX] = f"/{where.suffix}"
        if where.max_depth:
            values[_DEPTH] = where.max_depth
        return values


def _ends_with(path: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    whole, end = "/" + path, sa.bindparam(_SUFFIX, type_=sa.Text)
    start = sa.func.length(whole) - sa.func.length(end) + 1
    return sa.func.substr(whole, start, type_=sa.Text()) == end
