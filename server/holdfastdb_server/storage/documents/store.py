"""Documents in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import (
    ContentIndex,
    Document,
    DocumentDraft,
    DocumentKey,
    DocumentPut,
    PutResult,
    Sync,
    SyncResult,
    index_content,
)
from holdfastdb_server.domain.documents.filters import CollectionFilter, DocumentFilter, Match
from holdfastdb_server.domain.errors import DocumentNotFound, VersionMismatch
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.values import payload_bytes
from holdfastdb_server.storage.documents.collections import CollectionLists
from holdfastdb_server.storage.documents.lists import DocumentLists
from holdfastdb_server.storage.documents.rows import document_of
from holdfastdb_server.storage.documents.tree import DocumentStatements, DocumentTree
from holdfastdb_server.storage.documents.writes import DocumentWriter, Outcome, Written
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.query.full_text import score
from holdfastdb_server.storage.schema import document_full_text, documents
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer

# What is longer is indexed in a thread, so that other calls go on meanwhile.
_INDEXED_AT_ONCE = 16 * 1024


class SqlDocuments:
    """Carries out the port DocumentStore in SQL."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        self._sql = DocumentStatements(database.dialect)
        self._full_text = database.dialect.full_text(document_full_text.name)
        self._lists = DocumentLists(database.dialect, self._full_text)
        self._collections = CollectionLists(database.dialect)

    async def put(self, namespace: str, put: DocumentPut, request_id: str = "") -> PutResult:
        request, fingerprint = RequestName(namespace, request_id), put.fingerprint()
        put = replace(put, draft=put.draft.identified())
        indexes = await _indexes([put.draft, *([put.missing_parent] if put.missing_parent else [])])

        async def work(transaction: Transaction) -> PutResult:
            connection = transaction.connection
            if (known := await transaction.requests.reserve(request, fingerprint)) is not None:
                key, is_created, is_parent_created = replies.read_put(known)
                document = await self._require(connection, namespace, key, transaction.now)
                return PutResult(document, is_created, is_parent_created)
            writer = DocumentWriter(connection, self._sql, self._full_text, namespace, indexes)
            done = await self._put(connection, writer, namespace, put)
            result = replies.write_put(
                done.document.key, is_created=done.is_created, is_parent_created=done.is_parent_created
            )
            transaction.requests.complete(request, result)
            return done

        return await self._writer.run(work)

    async def _put(
        self, connection: AsyncConnection, writer: DocumentWriter, namespace: str, put: DocumentPut
    ) -> PutResult:
        draft, parent, now = put.draft, put.missing_parent, writer.tree.now
        found = await self._find(connection, namespace, draft.key, now) if put.keep_existing else None
        if found is not None:
            return PutResult(document_of(found), is_created=False, is_parent_created=False)
        existing = await writer.tree.lock(namespace, [draft.key, *([parent.key] if parent else [])])
        row = existing.get(draft.key)
        if put.keep_existing and row is not None:
            kept = await self._require(connection, namespace, draft.key, now)
            return PutResult(kept, is_created=False, is_parent_created=False)
        _check_version(draft.key, row, put.expected_version)
        new_parent = [parent] if parent is not None and parent.key not in existing else []
        *_, written = await writer.write([*new_parent, draft], existing)
        return PutResult(written.document, written.outcome is Outcome.CREATED, bool(new_parent))

    async def get(self, namespace: str, key: DocumentKey, *, refresh_ttl: bool = False) -> Document:
        now = datetime.now(UTC)
        row = await self._database.read(lambda connection: self._find(connection, namespace, key, now))
        if row is None:
            raise DocumentNotFound(key.collection, key.document_id)
        return (await self._refreshed([row], refresh_ttl))[0]

    async def _find(
        self, connection: AsyncConnection, namespace: str, key: DocumentKey, now: datetime
    ) -> Any:
        """Return the row of a document that exists at the time `now`, or None."""
        params = {"namespace": namespace, "collection": key.collection, "id": key.document_id, "now": now}
        return (await connection.execute(self._sql.find, params)).first()

    async def _require(
        self, connection: AsyncConnection, namespace: str, key: DocumentKey, now: datetime
    ) -> Document:
        row = await self._find(connection, namespace, key, now)
        if row is None:
            raise DocumentNotFound(key.collection, key.document_id)
        return document_of(row)

    async def list(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Document]:
        rows, more, total = await self._page(namespace, where, page)
        last = (rows[-1].collection, rows[-1].id) if more else None
        return Page(await self._refreshed(rows, refresh_ttl), last, total)

    async def search(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Match]:
        rows, more, total = await self._page(namespace, where, page)
        last = (rows[-1].weight, to_micros(rows[-1].update_time), rows[-1].key) if more else None
        found = await self._refreshed(rows, refresh_ttl)
        scores = [score(row.weight, where.words) for row in rows]
        return Page(list(map(Match, found, scores)), last, total)

    async def _page(
        self, namespace: str, where: DocumentFilter, page: PageRequest
    ) -> tuple[Sequence[Any], bool, int | None]:
        return await self._database.read(
            lambda connection: self._lists.read(connection, namespace, where, page)
        )

    async def _refreshed(self, rows: Sequence[Any], refresh_ttl: bool) -> Sequence[Document]:
        """Return the documents in rows, with their times to live restarted if `refresh_ttl`."""
        if not refresh_ttl or all(row.ttl is None for row in rows):
            return [document_of(row) for row in rows]
        times = await self._writer.run(lambda t: DocumentTree(t.connection, self._sql).refresh(rows))
        return [replace(document_of(row), expire_time=times.get(row.key)) for row in rows]

    async def delete(
        self,
        namespace: str,
        key: DocumentKey,
        expected_version: int | None = None,
        *,
        with_children: bool = False,
    ) -> int:

        async def work(transaction: Transaction) -> int:
            connection = transaction.connection
            tree = DocumentTree(connection, self._sql)
            row = (await tree.lock(namespace, [key])).get(key)
            if row is None:
                raise DocumentNotFound(key.collection, key.document_id)
            _check_version(key, row, expected_version)
            removed = await tree.remove({row.key}, with_children=with_children)
            return sum(map(tree.exists, removed))

        return await self._writer.run(work)

    async def sync(self, namespace: str, sync: Sync, request_id: str = "") -> SyncResult:
        request, fingerprint = RequestName(namespace, request_id), sync.fingerprint()
        indexes = await _indexes(sync.drafts)

        async def work(transaction: Transaction) -> SyncResult:
            connection = transaction.connection
            if (known := await transaction.requests.reserve(request, fingerprint)) is not None:
                return replies.read_synced(known)
            name = f"documents/{namespace}/{sync.collection}"
            await self._sql.dialect.lock_name(connection, name)
            writer = DocumentWriter(connection, self._sql, self._full_text, namespace, indexes)
            existing = await writer.tree.lock(namespace, [draft.key for draft in sync.drafts])
            written = await writer.write(sync.drafts, existing)
            deleted = await self._prune(connection, writer.tree, namespace, sync) if sync.prune else []
            synced = SyncResult(
                created_ids=_ids(written, Outcome.CREATED),
                updated_ids=_ids(written, Outcome.UPDATED),
                unchanged_ids=_ids(written, Outcome.UNCHANGED),
                deleted_ids=sorted(deleted),
            )
            transaction.requests.complete(request, replies.write_synced(synced))
            return synced

        return await self._writer.run(work)

    async def _prune(
        self, connection: AsyncConnection, tree: DocumentTree, namespace: str, sync: Sync
    ) -> Iterable[str]:
        kept = {draft.key.document_id for draft in sync.drafts}
        query = sa.select(documents.c.key, documents.c.id).where(
            documents.c.namespace == namespace, documents.c.collection == sync.collection
        )
        others = {row.key for row in await connection.execute(query) if row.id not in kept}
        return [row.id for row in await tree.remove(others) if tree.exists(row)]

    async def list_collections(self, namespace: str, where: CollectionFilter, page: PageRequest) -> Page[str]:
        return await self._database.read(lambda c: self._collections.read(c, namespace, where, page))

    async def delete_lapsed(self, limit: int) -> int:

        async def work(transaction: Transaction) -> int:
            connection = transaction.connection
            tree = DocumentTree(connection, self._sql)
            due = (
                sa.select(documents.c.key, documents.c.subtree_expire_time)
                .where(documents.c.expiry_check_time <= tree.now)
                .order_by(documents.c.expiry_check_time)
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
            count = 0
            while count < limit and (rows := (await connection.execute(due)).all()):
                # Those that were refreshed are checked again at their new subtree_expire_time.
                later = documents.update().where(documents.c.key.in_([row.key for row in rows]))
                await connection.execute(later.values(expiry_check_time=documents.c.subtree_expire_time))
                expired = {row.key for row in rows if not tree.exists(row)}
                count += len(await tree.remove(expired))
            return count

        return await self._writer.run(work)


async def _indexes(drafts: Iterable[DocumentDraft]) -> dict[DocumentKey, ContentIndex]:
    contents = {draft.key: draft.fields.content for draft in drafts}
    if sum(map(payload_bytes, contents.values())) <= _INDEXED_AT_ONCE:
        return {key: index_content(content) for key, content in contents.items()}
    return await asyncio.to_thread(lambda: {key: index_content(content) for key, content in contents.items()})


def _check_version(key: DocumentKey, row: Any, expected: int | None) -> None:
    """Raise VersionMismatch when a document is not at the version that the caller has seen; None is at 0."""
    actual = 0 if row is None else row.version
    if expected is not None and expected != actual:
        raise VersionMismatch("document", str(key), expected, actual)


def _ids(written: Iterable[Written], outcome: Outcome) -> list[str]:
    return sorted(one.document.key.document_id for one in written if one.outcome is outcome)
