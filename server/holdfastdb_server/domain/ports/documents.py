"""The storage port: documents."""

from __future__ import annotations

from typing import Protocol

from holdfastdb_server.domain.documents.document import (
    Document,
    DocumentKey,
    DocumentPut,
    PutResult,
    Sync,
    SyncResult,
)
from holdfastdb_server.domain.documents.filters import CollectionFilter, DocumentFilter, Match
from holdfastdb_server.domain.paging import Page, PageRequest


class DocumentStore(Protocol):
    """Documents and their collections.

    A document whose `expire_time` has passed does not exist, unless it is the parent of one that exists.
    """

    async def put(self, namespace: str, put: DocumentPut, request_id: str = "") -> PutResult:
        """Create the document at version 1, or replace its fields with the next version, and return it.

        A put that changes no field leaves the version as it is; the `expire_time` is set again in any
        case. With `keep_existing`, a document that exists is returned and nothing is changed. A
        `missing_parent` is created if the parent does not exist. Of several concurrent puts exactly one
        creates the document, and one its parent. Raises VersionMismatch, ParentNotFound and
        DependencyCycle, and DocumentNotFound if the request is a repeated one and the document has been
        deleted since.
        """
        ...

    async def get(self, namespace: str, key: DocumentKey, *, refresh_ttl: bool = False) -> Document:
        """Return the document; with `refresh_ttl` set its `expire_time` again. Raises DocumentNotFound."""
        ...

    async def list(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Document]:
        """Return the documents that match all of `where`, by collection and id in byte order.

        The cursor is (collection, id). A page has at most PAGE_BYTES bytes, or one item that is larger.
        With `refresh_ttl` the `expire_time` of each returned document is set again.
        """
        ...

    async def search(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Match]:
        """Return the documents that match all of `where`, by score and then by update time, descending.

        A document's score is the number of the query's words that match in its string values, divided by the
        number of the query's words. The cursor is (twice the number of matching words, update time in
        microseconds, key). Pages and `refresh_ttl` are as in `list`.
        """
        ...

    async def delete(
        self,
        namespace: str,
        key: DocumentKey,
        expected_version: int | None = None,
        *,
        with_children: bool = False,
    ) -> int:
        """Delete the document, and `with_children` all of its descendants, and return their number.

        Raises DocumentNotFound, VersionMismatch, and without `with_children` DocumentHasChildren.
        """
        ...

    async def sync(self, namespace: str, sync: Sync, request_id: str = "") -> SyncResult:
        """Put every document of the sync, and with `prune` delete the collection's others, or do nothing.

        Concurrent syncs of a collection are applied one after the other. Raises ParentNotFound,
        DependencyCycle, and DocumentHasChildren if a document to delete is the parent of one that is kept.
        """
        ...

    async def list_collections(self, namespace: str, where: CollectionFilter, page: PageRequest) -> Page[str]:
        """Return the paths of the collections that match all of `where`, in byte order, each once.

        The cursor is (path,).
        """
        ...

    async def delete_lapsed(self, limit: int) -> int:
        """Delete at most `limit` expired documents of all namespaces, and return their number.

        If it is less than `limit`, no expired document is left.
        """
        ...
