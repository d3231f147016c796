"""Lists of documents and of collections as queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.filters import (
    CollectionFilter,
    ContentFilter,
    ContentOperator,
    DocumentFilter,
)
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.storage.documents.rows import CONTENT, head_size, is_there
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.engines.full_text import WordSearch
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import after_prefix
from holdfastdb_server.storage.query.pages import PageQuery, cursor_time, fitting
from holdfastdb_server.storage.schema import document_members, documents

_NAMESPACE = documents.c.namespace == sa.bindparam("namespace", type_=sa.Text)


class DocumentLists:
    """Pages of documents, by name or, of a query's words, by points."""

    def __init__(self, dialect: Dialect, words: WordSearch) -> None:
        self._dialect = dialect
        self._words = words
        self._queries: Queries[PageQuery] = Queries()

    async def read(
        self, connection: AsyncConnection, namespace: str, where: DocumentFilter, page: PageRequest
    ) -> tuple[Sequence[Any], bool, int | None]:
        """Return the rows of a page, whether more follow, and how many there are if asked for."""
        shape = (where, page.descending, page.after is None)
        query = self._queries.get(shape, lambda: self._page_query(where, page))
        params: dict[str, Any] = {"namespace": namespace, "now": datetime.now(UTC)}
        if where.words:
            params |= self._words.params(namespace, where.words)
        found, more = await query.read(connection, page.size, params | _position(where, page))
        # The database has counted the contents too.
        shown = fitting(found, head_size) if where.omit_payload else found
        total = None
        if page.with_total:
            count = sa.select(sa.func.count()).select_from(self._matching(where).subquery())
            total = await connection.scalar(count, params)
        return shown, more or len(shown) < len(found), total

    def _page_query(self, where: DocumentFilter, page: PageRequest) -> PageQuery:
        picked = self._matching(where)
        columns: Sequence[sa.ColumnElement[Any]] = (documents.c.collection, documents.c.id)
        order = [(column, page.descending) for column in columns]
        descending = page.descending
        if where.words:
            columns = (self._words.found.c.points, documents.c.update_time, documents.c.key)
            order, descending = [(column, True) for column in columns], True
        if page.after is not None:
            cursor = sa.tuple_(*(sa.bindparam(f"after_{c.name}", type_=c.type) for c in columns))
            position = sa.tuple_(*columns)
            picked = picked.where(position < cursor if descending else position > cursor)
        return PageQuery(documents, picked, order, CONTENT if where.omit_payload else ())

    def _matching(self, where: DocumentFilter) -> sa.Select[Any]:
        row = documents.c
        query = sa.select(row.key, row.collection, row.id, row.update_time, row.size).where(
            _NAMESPACE, is_there(), *self._conditions(where)
        )
        if where.words:
            found = self._words.found
            query = query.add_columns(found.c.points).join(found, found.c.row_key == row.key)
        return query

    def _conditions(self, where: DocumentFilter) -> list[sa.ColumnElement[bool]]:
        row = documents.c
        conditions = [self._holds(one) for one in where.content]
        if where.collection:
            conditions.append(row.collection == where.collection)
        if where.collection_prefix:
            conditions.append(_begins_with(row.collection, where.collection_prefix))
        if where.parent is not None:
            parent = documents.alias()
            key = sa.select(parent.c.key).where(
                parent.c.namespace == sa.bindparam("namespace", type_=sa.Text),
                parent.c.collection == where.parent.collection,
                parent.c.id == where.parent.document_id,
            )
            conditions.append(row.parent_key == key.scalar_subquery())
        for column, wanted in ((row.labels, where.labels), (row.metadata, where.metadata)):
            if wanted:
                conditions.append(self._dialect.contains(column, wanted))
        if where.updated_from is not None or where.updated_until is not None:
            conditions.append(row.key.in_(_updated(where)))
        return conditions

    def _holds(self, where: ContentFilter) -> sa.ColumnElement[bool]:
        """Whether a document's content meets a condition: all values compare as texts do."""
        # Of one row after the other: a join might read the contents of other collections too.
        members = sa.select(document_members.c.members).where(document_members.c.row_key == documents.c.key)
        member = self._dialect.member(members.scalar_subquery(), where.path)
        value = self._dialect.member_text(where.value)
        kind = where.value[0]
        match where.operator:
            case ContentOperator.EQUAL:
                return member == value
            case ContentOperator.NOT_EQUAL:
                return member.is_distinct_from(value)
            case ContentOperator.GREATER:
                return sa.and_(member > value, member < chr(ord(kind) + 1))
            case ContentOperator.GREATER_OR_EQUAL:
                return sa.and_(member >= value, member < chr(ord(kind) + 1))
            case ContentOperator.LESS:
                return sa.and_(member < value, member >= kind)
            case ContentOperator.LESS_OR_EQUAL:
                return sa.and_(member <= value, member >= kind)


def _updated(where: DocumentFilter) -> sa.Select[Any]:
    """Select the keys of what was updated in a time: apart, so that SQLite too looks at the time first."""
    row = documents.alias().c
    query = sa.select(row.key).where(row.namespace == sa.bindparam("namespace", type_=sa.Text))
    if where.updated_from is not None:
        query = query.where(row.update_time >= where.updated_from)
    if where.updated_until is not None:
        query = query.where(row.update_time < where.updated_until)
    return query


def _position(where: DocumentFilter, page: PageRequest) -> dict[str, Any]:
    if page.after is None:
        return {}
    if where.words:
        points, micros, key = page.after
        return {"after_points": points, "after_update_time": cursor_time(micros), "after_key": key}
    collection, document_id = page.after
    return {"after_collection": collection, "after_id": document_id}


def _begins_with(column: sa.ColumnElement[str], path: str) -> sa.ColumnElement[bool]:
    """Whether a path begins with the segments of another: within one range, which an index finds."""
    inner = f"{path}/"
    within = sa.and_(column >= path, column < after_prefix(inner))
    return sa.and_(within, sa.or_(column == path, column >= inner))


async def read_collections(
    connection: AsyncConnection, dialect: Dialect, namespace: str, where: CollectionFilter, page: PageRequest
) -> Page[str]:
    """Return a page of collections."""
    params = {"namespace": namespace, "now": datetime.now(UTC)}
    cut = _Collections(dialect, where)
    found = list(await connection.scalars(cut.query(page), params))
    total = None
    if page.with_total:
        every = cut.query(PageRequest(0)).limit(None).order_by(None)
        total = await connection.scalar(sa.select(sa.func.count()).select_from(every.subquery()), params)
    more = len(found) > page.size
    shown = found[: page.size]
    return Page(shown, (shown[-1],) if more else None, total)


class _Collections:
    """The paths of collections, found one after the other by the index: not all their documents are read."""

    def __init__(self, dialect: Dialect, where: CollectionFilter) -> None:
        self._dialect = dialect
        self._where = where

    def query(self, page: PageRequest) -> sa.Select[Any]:
        """Return the query for a page and one path more."""
        where, descending = self._where, page.descending
        is_plain = not where.suffix and not where.max_depth
        cursor = None if page.after is None else sa.literal(page.after[0], sa.Text)
        # A cut path may come before the cursor though the path itself does not.
        start = cursor if is_plain or not descending else None
        paths = sa.select(self._next(start, descending).label("path"), sa.literal(1).label("place")).cte(
            "paths", recursive=True
        )
        further = sa.select(self._next(paths.c.path, descending), paths.c.place + 1).where(
            paths.c.path.is_not(None)
        )
        if is_plain and page.size:
            further = further.where(paths.c.place <= page.size)
        paths = paths.union_all(further)
        path: sa.ColumnElement[str] = paths.c.path
        if where.max_depth:
            path = self._dialect.first_segments(path, where.max_depth)
        query = sa.select(path.label("path")).where(paths.c.path.is_not(None)).distinct()
        if where.suffix:
            query = query.where(_ends_with(paths.c.path, where.suffix))
        if cursor is not None:
            query = query.where(path < cursor if descending else path > cursor)
        label = sa.column("path", sa.Text)
        return query.order_by(label.desc() if descending else label.asc()).limit(page.size + 1)

    def _next(self, after: Any, descending: bool) -> sa.ScalarSelect[Any]:
        row = documents.alias().c
        query = sa.select(row.collection).where(
            row.namespace == sa.bindparam("namespace", type_=sa.Text),
            sa.or_(row.gone_time.is_(None), row.gone_time > sa.bindparam("now", type_=Micros)),
        )
        if self._where.prefix:
            query = query.where(_begins_with(row.collection, self._where.prefix))
        if after is not None:
            query = query.where(row.collection < after if descending else row.collection > after)
        order = row.collection.desc() if descending else row.collection.asc()
        return query.order_by(order).limit(1).scalar_subquery()


def _ends_with(path: sa.ColumnElement[str], suffix: str) -> sa.ColumnElement[bool]:
    whole, end = "/" + path, f"/{suffix}"
    return sa.func.substr(whole, sa.func.length(whole) - len(end) + 1, type_=sa.Text()) == end
