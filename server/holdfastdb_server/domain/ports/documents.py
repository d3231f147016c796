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

    A document whose time to live has passed does not exist, unless it is the parent of one that does.
    """

    async def put(self, namespace: str, put: DocumentPut, request_id: str = "") -> PutResult:
        """Create the document at version 1, or replace it whole with the next version, and return it.

        What changes nothing leaves the version; either way the time to live begins anew. One that is to be
        kept is returned, and nothing is changed. A missing parent is created where one is given. Of several
        puts at once one creates the document, and one its parent. Raises VersionMismatch, ParentNotFound,
        DependencyCycle; for a repeated request DocumentNotFound, if the document has been deleted since.
        """
        ...

    async def get(self, namespace: str, key: DocumentKey, *, refresh_ttl: bool = False) -> Document:
        """Return the document; its time to live begins anew if it is to. Raises DocumentNotFound."""
        ...

    async def list(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Document]:
        """Return the documents that match all of `where`, by collection and id in byte order.

        The cursor is (collection, id). A page ends before it passes PAGE_BYTES but has at least one item.
        The times to live of those returned begin anew if they are to.
        """
        ...

    async def search(
        self, namespace: str, where: DocumentFilter, page: PageRequest, *, refresh_ttl: bool = False
    ) -> Page[Match]:
        """Return the documents that match all of `where`, best first, then the last updated first.

        A document's score is the share of the query's words that its string values hold. The cursor is
        (points, time of the update in microseconds, key). Pages end and refresh as those of `list`.
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
        """Delete the document, with its children and theirs if wanted, and return how many there were.

        Raises DocumentNotFound, VersionMismatch, and DocumentHasChildren if it has any that may not go.
        """
        ...

    async def sync(self, namespace: str, sync: Sync, request_id: str = "") -> SyncResult:
        """PutResult every document of the sync, or none; pruning deletes the collection's others.

        Two syncs of a collection are applied one after the other. Raises ParentNotFound, DependencyCycle,
        and DocumentHasChildren if one to prune is the parent of one that stays.
        """
        ...

    async def list_collections(self, namespace: str, where: CollectionFilter, page: PageRequest) -> Page[str]:
        """Return the paths of the collections that match all of `where`, in byte order, each once.

        The cursor is (path,).
        """
        ...

    async def delete_lapsed(self, limit: int) -> int:
        """Delete at most so many documents, of all namespaces, that no longer exist, and return how many.

        Fewer than `limit` means that none is left.
        """
        ...
