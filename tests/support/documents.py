"""Documents for tests to put, and lists of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.documents.document import (
    Document,
    DocumentDraft,
    DocumentFields,
    DocumentKey,
    DocumentPut,
    PutResult,
    Sync,
    SyncResult,
)
from holdfastdb_server.domain.documents.filters import DocumentFilter, Match
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.schema import documents
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, read_all


def key(document_id: str = "d", collection: str = "c") -> DocumentKey:
    """Return what names a document."""
    return DocumentKey(collection, document_id)


def draft(document_id: str = "d", json: str = "{}", *, collection: str = "c", **fields: Any) -> DocumentDraft:
    """Return a draft. `fields` are those of DocumentFields."""
    content = fields.pop("content", Payload(json=json))
    return DocumentDraft(key(document_id, collection), DocumentFields(content, **fields))


async def put(
    store: Store,
    wanted: DocumentDraft | None = None,
    *,
    namespace: str = NAMESPACE,
    request_id: str = "",
    **options: Any,
) -> PutResult:
    """Put a document. `options` are those of DocumentPut."""
    return await store.documents.put(
        namespace, DocumentPut(wanted or draft(), **options).checked(), request_id
    )


async def get(store: Store, document_id: str = "d", collection: str = "c", **options: Any) -> Document:
    """Return a document."""
    return await store.documents.get(NAMESPACE, key(document_id, collection), **options)


async def sync(
    store: Store,
    *drafts: DocumentDraft,
    collection: str = "c",
    prune: bool = False,
    request_id: str = "",
    namespace: str = NAMESPACE,
) -> SyncResult:
    """Sync a collection."""
    wanted = Sync(collection, drafts, prune).checked()
    return await store.documents.sync(namespace, wanted, request_id)


async def listed(store: Store, *, namespace: str = NAMESPACE, **where: Any) -> list[Document]:
    """Return the documents that match, by name. `where` has the fields of DocumentFilter."""
    wanted = DocumentFilter(**where).checked()
    return await read_all(lambda page: store.documents.list(namespace, wanted, page), size=100)


async def names(store: Store, **where: Any) -> list[str]:
    """Return the names of the documents that match: `collection/id`."""
    return [str(document.key) for document in await listed(store, **where)]


async def search(store: Store, query: str, **where: Any) -> list[Match]:
    """Return what a query finds."""
    wanted = DocumentFilter(words=check_query("query", query), **where).checked()
    return await read_all(lambda page: store.documents.search(NAMESPACE, wanted, page), size=100)


async def let_pass(store: SqlStore, time: timedelta) -> None:
    """Let documents be as if so much time had passed for their times to live."""
    times = ("expire_time", "subtree_expire_time", "expiry_check_time")

    async def work(connection: AsyncConnection) -> None:
        for row in (await connection.execute(sa.select(documents))).all():
            earlier = {name: getattr(row, name) and getattr(row, name) - time for name in times}
            await connection.execute(documents.update().where(documents.c.key == row.key).values(earlier))

    await store._database.write(work)


async def rows(store: SqlStore) -> int:
    """Return how many rows the tenant's documents have, those of lapsed ones too."""
    count = sa.select(sa.func.count()).where(documents.c.namespace == NAMESPACE)
    return await store._database.read(lambda connection: connection.scalar(count)) or 0


SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


async def ids(store: Store, query: str, **where: Any) -> list[str]:
    """Return the ids of the documents that a query finds, the best match first."""
    return [one.document.key.document_id for one in await search(store, query, **where)]
