"""Memories in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import InvalidPageToken, MemoryNotFound
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.memories import (
    Memory,
    MemoryChange,
    MemoryDraft,
    MemoryFields,
    MemoryFilter,
    MemoryMatch,
    MemorySearch,
)
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.memories.rows import field_values, memory_conditions, memory_of, weighted_words
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE, Shape
from holdfastdb_server.storage.query.full_text import score
from holdfastdb_server.storage.query.lists import TimeList
from holdfastdb_server.storage.query.pages import PageQuery, cursor_time
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.schema import memories, memory_full_text
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlMemories:
    """Carries out the port MemoryStore in SQL."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._dialect: Dialect = database.dialect
        self._writer = writer
        self._full_text = self._dialect.full_text(memory_full_text.name)
        self._resource = Resource(
            database.dialect,
            memories,
            MemoryNotFound,
            memories.c.create_fingerprint,
            returned=list(memories.c),
        )
        self._conditions = memory_conditions(self._dialect)
        self._list = TimeList(memories, memories.c.create_time, self._conditions)
        self._searches: Queries[PageQuery] = Queries()

    async def create(self, namespace: str, draft: MemoryDraft) -> Memory:
        fingerprint = draft.fingerprint()

        async def work(transaction: Transaction) -> Memory:
            connection, now = transaction.connection, transaction.now
            row, is_new = await self._resource.create_or_find(
                connection,
                {
                    "namespace": namespace,
                    "id": draft.memory_id,
                    "create_fingerprint": fingerprint,
                    "version": 1,
                    "use_count": 0,
                    "create_time": now,
                    "update_time": now,
                    **field_values(draft.memory_id, draft.fields),
                },
            )
            if is_new:
                await self._index(connection, row.key, namespace, draft.fields)
            return memory_of(row)

        return await self._writer.run(work)

    async def _index(
        self, connection: AsyncConnection, key: int, namespace: str, fields: MemoryFields
    ) -> None:
        await self._full_text.write(connection, [(key, namespace, weighted_words(fields))])

    async def get(self, namespace: str, memory_id: str) -> Memory:
        return memory_of(await self._database.read(lambda c: self._resource.require(c, namespace, memory_id)))

    async def list(self, namespace: str, where: MemoryFilter, page: PageRequest) -> Page[Memory]:
        listed = await self._database.read(
            lambda connection: self._list.read(connection, namespace, where, page)
        )
        return Page([memory_of(row) for row in listed.rows], listed.next, listed.total)

    async def search(
        self, namespace: str, search: MemorySearch, page: PageRequest, request_id: str = ""
    ) -> Page[MemoryMatch]:
        shape = (self._conditions.shape(search.where), search.match_all, page.after is None)
        query = self._searches.get(shape, lambda: self._search_query(*shape))
        params = {
            "namespace": namespace,
            **self._conditions.params(search.where),
            **self._full_text.params(namespace, search.words),
            **_rank_position(page),
        }
        if search.match_all:
            params["query_word_count"] = len(search.words)
        request = RequestName(namespace, request_id)
        fingerprint = fingerprint_of("search memories", search, page.size, page.after)

        async def read(connection: AsyncConnection) -> tuple[Sequence[Any], bool]:
            return await query.read(connection, page.size, params)

        async def read_and_count(transaction: Transaction) -> Page[MemoryMatch]:
            known = await transaction.requests.reserve(request, fingerprint)
            # Read after that, so that a repeated search shows what the first one counted.
            found, more = await read(transaction.connection)
            counted: Mapping[int, Any] = {}
            if known is None:
                counted = await _count_use(transaction, [row.key for row in found])
                transaction.requests.complete(request, replies.DONE)
            return _matches(search, found, more, counted)

        if search.count_use:
            return await self._writer.run(read_and_count)
        return _matches(search, *await self._database.read(read), {})

    def _search_query(self, shape: Shape, match_all: bool, is_first: bool) -> PageQuery:
        found = self._full_text.matches
        rank = (found.c.weight, memories.c.confidence, memories.c.create_time, memories.c.key)
        picked = (
            sa.select(*rank, memories.c.size)
            .join(found, found.c.row_key == memories.c.key)
            .where(memories.c.namespace == NAMESPACE, *self._conditions.build(shape))
        )
        if match_all:
            picked = picked.where(found.c.word_count == sa.bindparam("query_word_count"))
        if not is_first:
            cursor = [sa.bindparam(f"after_{column.name}", type_=column.type) for column in rank]
            picked = picked.where(sa.tuple_(*rank) < sa.tuple_(*cursor))
        return PageQuery(memories, picked, [(column, True) for column in rank])

    async def update(
        self,
        namespace: str,
        memory_id: str,
        change: MemoryChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Memory:
        request = RequestName(namespace, request_id)
        fingerprint = fingerprint_of("update memory", memory_id, expected_version, change)

        async def work(transaction: Transaction) -> Memory:
            connection = transaction.connection
            row = await self._resource.require(connection, namespace, memory_id, for_update=True)
            before = memory_of(row)
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return before
            transaction.requests.complete(request, replies.DONE)
            self._resource.check_version(row, expected_version)
            fields = change.apply(before.fields)
            if fields == before.fields:
                return before
            update = (
                memories.update()
                .where(memories.c.key == row.key)
                .values(
                    version=row.version + 1, update_time=transaction.now, **field_values(memory_id, fields)
                )
                .returning(memories)
            )
            if fields.words() != before.fields.words():
                await self._index(connection, row.key, namespace, fields)
            return memory_of((await connection.execute(update)).one())

        return await self._writer.run(work)

    async def delete(self, namespace: str, memory_id: str, expected_version: int | None = None) -> None:

        async def work(transaction: Transaction) -> None:
            connection = transaction.connection
            row = await self._resource.require(connection, namespace, memory_id, for_update=True)
            self._resource.check_version(row, expected_version)
            await connection.execute(memories.delete().where(memories.c.key == row.key))

        await self._writer.run(work)


def _matches(
    search: MemorySearch, found: Sequence[Any], more: bool, counted: Mapping[int, Any]
) -> Page[MemoryMatch]:
    """Return a page of the rows that were found, of which some were `counted` and are newer."""
    matches = [
        MemoryMatch(memory_of(counted.get(row.key, row)), score(row.weight, search.words)) for row in found
    ]
    if not more:
        return Page(matches)
    last = found[-1]
    return Page(matches, (last.weight, repr(last.confidence), to_micros(last.create_time), last.key))


async def _count_use(transaction: Transaction, keys: Sequence[int]) -> Mapping[int, Any]:
    """Count a use of each memory, and return their rows by key."""
    connection = transaction.connection
    chosen = memories.c.key.in_(keys)
    # Locked in the order of keys: two searches that count the same memories would deadlock.
    await connection.execute(
        sa.select(memories.c.key).where(chosen).order_by(memories.c.key).with_for_update()
    )
    update = (
        memories.update()
        .where(chosen)
        .values(use_count=memories.c.use_count + 1, last_use_time=transaction.now)
        .returning(memories)
    )
    return {row.key: row for row in await connection.execute(update)}


def _rank_position(page: PageRequest) -> dict[str, Any]:
    if page.after is None:
        return {}
    weight, confidence, micros, key = page.after
    try:
        sure = float(confidence)
    except ValueError:
        raise InvalidPageToken from None
    return {
        "after_weight": weight,
        "after_confidence": sure,
        "after_create_time": cursor_time(micros),
        "after_key": key,
    }
