"""Lists of documents as queries."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from operator import eq, ge, lt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import DocumentKey
from holdfastdb_server.domain.documents.filters import (
    ContentFilter,
    ContentOperator,
    DocumentFilter,
)
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.storage.documents.collections import BelowPath
from holdfastdb_server.storage.documents.rows import CONTENT, exists, head_size
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.full_text import FullText
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE, Compares, Conditions, HasMembers, Shape
from holdfastdb_server.storage.query.pages import PageQuery, cursor_time, fitting
from holdfastdb_server.storage.schema import document_members, documents


class DocumentLists:
    """Pages of documents, by collection and id or, with the words of a query, by score."""

    def __init__(self, dialect: Dialect, full_text: FullText) -> None:
        self._full_text = full_text
        self._conditions = Conditions(
            dialect,
            {
                "content": _HasContent(),
                "collection": Compares(documents.c.collection, eq),
                "collection_prefix": BelowPath(documents.c.collection),
                "parent": _ChildOf(),
                "labels": HasMembers(documents.c.labels),
                "metadata": HasMembers(documents.c.metadata),
            },
        )
        self._updated = documents.alias()
        self._times = Conditions(
            dialect,
            {
                "updated_from": Compares(self._updated.c.update_time, ge),
                "updated_until": Compares(self._updated.c.update_time, lt),
            },
        )
        self._pages: Queries[PageQuery] = Queries()
        self._counts: Queries[sa.Select[Any]] = Queries()

    async def read(
        self, connection: AsyncConnection, namespace: str, where: DocumentFilter, page: PageRequest
    ) -> tuple[Sequence[Any], bool, int | None]:
        """Return the rows of a page, whether more follow, and how many there are if asked for."""
        matching = (self._conditions.shape(where), self._times.shape(where), bool(where.words))
        shape = (*matching, page.descending, page.after is None, where.omit_payload)
        query = self._pages.get(shape, lambda: self._page_query(*shape))
        params: dict[str, Any] = {
            "namespace": namespace,
            "now": datetime.now(UTC),
            **self._conditions.params(where),
            **self._times.params(where),
        }
        if where.words:
            params |= self._full_text.params(namespace, where.words)
        found, more = await query.read(connection, page.size, params | _position(where, page))
        # The database has counted the contents too.
        shown = fitting(found, head_size) if where.omit_payload else found
        total = None
        if page.with_total:
            count = self._counts.get(matching, lambda: self._count_query(*matching))
            total = await connection.scalar(count, params)
        return shown, more or len(shown) < len(found), total

    def _page_query(
        self,
        conditions: Shape,
        times: Shape,
        has_words: bool,
        descending: bool,
        is_first: bool,
        omit_payload: bool,
    ) -> PageQuery:
        picked = self._matching(conditions, times, has_words)
        columns: Sequence[sa.ColumnElement[Any]] = (documents.c.collection, documents.c.id)
        if has_words:
            columns = (self._full_text.matches.c.weight, documents.c.update_time, documents.c.key)
            descending = True
        if not is_first:
            cursor = sa.tuple_(*(sa.bindparam(f"after_{c.name}", type_=c.type) for c in columns))
            position = sa.tuple_(*columns)
            picked = picked.where(position < cursor if descending else position > cursor)
        order = [(column, descending) for column in columns]
        return PageQuery(documents, picked, order, CONTENT if omit_payload else ())

    def _count_query(self, conditions: Shape, times: Shape, has_words: bool) -> sa.Select[Any]:
        matching = self._matching(conditions, times, has_words)
        return sa.select(sa.func.count()).select_from(matching.subquery())

    def _matching(self, conditions: Shape, times: Shape, has_words: bool) -> sa.Select[Any]:
        row = documents.c
        query = sa.select(row.key, row.collection, row.id, row.update_time, row.size).where(
            row.namespace == NAMESPACE, exists(), *self._conditions.build(conditions)
        )
        if times:
            # A subquery, so that SQLite too enters the index of times first.
            updated = sa.select(self._updated.c.key).where(
                self._updated.c.namespace == NAMESPACE, *self._times.build(times)
            )
            query = query.where(row.key.in_(updated))
        if has_words:
            found = self._full_text.matches
            query = query.add_columns(found.c.weight).join(found, found.c.row_key == row.key)
        return query


class _ChildOf:
    """Whether a document's parent is the one with this name."""

    def shape(self, value: DocumentKey) -> Hashable:
        return ()

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        parent = documents.alias().c
        key = sa.select(parent.key).where(
            parent.namespace == NAMESPACE,
            parent.collection == sa.bindparam(f"{name}_collection"),
            parent.id == sa.bindparam(f"{name}_id"),
        )
        return documents.c.parent_key == key.scalar_subquery()

    def params(self, dialect: Dialect, name: str, value: DocumentKey) -> Mapping[str, Any]:
        return {f"{name}_collection": value.collection, f"{name}_id": value.document_id}


class _HasContent:
    """Whether a document's content meets all of these conditions: all values compare as texts do."""

    def shape(self, value: Sequence[ContentFilter]) -> Hashable:
        return tuple((each.operator, _is_object(each.value)) for each in value)

    def build(
        self, dialect: Dialect, name: str, shape: Sequence[tuple[ContentOperator, bool]]
    ) -> sa.ColumnElement[bool]:
        return sa.and_(*(self._holds(dialect, f"{name}_{place}", *each) for place, each in enumerate(shape)))

    def params(self, dialect: Dialect, name: str, value: Sequence[ContentFilter]) -> Mapping[str, Any]:
        params: dict[str, Any] = {}
        for place, each in enumerate(value):
            kind = each.value[0]
            params[f"{name}_{place}_path"] = dialect.member_path(each.path)
            params[f"{name}_{place}_value"] = each.value
            if each.operator.is_of_size:
                params[f"{name}_{place}_kind"] = kind
                params[f"{name}_{place}_kind_end"] = chr(ord(kind) + 1)
        return params

    def _holds(
        self, dialect: Dialect, name: str, operator: ContentOperator, is_object: bool
    ) -> sa.ColumnElement[bool]:
        # Of one row after the other: a join might read the contents of other collections too.
        members = sa.select(document_members.c.members).where(document_members.c.row_key == documents.c.key)
        member = dialect.member(members.scalar_subquery(), f"{name}_path")
        value = dialect.member_text(f"{name}_value", is_object=is_object)
        # The first character of a value says which type of JSON it has.
        kind = sa.bindparam(f"{name}_kind", type_=sa.Text)
        kind_end = sa.bindparam(f"{name}_kind_end", type_=sa.Text)
        match operator:
            case ContentOperator.EQUAL:
                return member == value
            case ContentOperator.NOT_EQUAL:
                return member.is_distinct_from(value)
            case ContentOperator.GREATER:
                return sa.and_(member > value, member < kind_end)
            case ContentOperator.GREATER_OR_EQUAL:
                return sa.and_(member >= value, member < kind_end)
            case ContentOperator.LESS:
                return sa.and_(member < value, member >= kind)
            case ContentOperator.LESS_OR_EQUAL:
                return sa.and_(member <= value, member >= kind)


def _is_object(value: str) -> bool:
    return value.startswith("{")


def _position(where: DocumentFilter, page: PageRequest) -> dict[str, Any]:
    if page.after is None:
        return {}
    if where.words:
        weight, micros, key = page.after
        return {"after_weight": weight, "after_update_time": cursor_time(micros), "after_key": key}
    collection, document_id = page.after
    return {"after_collection": collection, "after_id": document_id}
