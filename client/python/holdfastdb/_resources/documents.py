"""Named, versioned documents in collections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar, Unpack

from holdfastdb._arguments import require_text
from holdfastdb._convert.documents import from_document, to_conditions, to_put
from holdfastdb._convert.enums import to_order
from holdfastdb._convert.messages import build
from holdfastdb._resources.collections import AsyncCollections
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.documents import Document, DocumentDraft, DocumentFilter, DocumentMatch
from holdfastdb.types.pages import Order
from holdfastdb.v1 import document_service_pb2 as pb

T = TypeVar("T")


class AsyncDocuments(AsyncCollections):
    """`client.documents`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too.

    Collections are paths such as `github/repositories`. A `parent` is a pair: collection and id.
    """

    async def put(
        self,
        collection: str,
        document_id: str | None,
        value: object,
        *,
        parent: tuple[str, str] | None = None,
        missing_parent: DocumentDraft | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        ttl: timedelta | None = None,
        expected_version: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Document:
        """Create or replace a document, and return it. Without an id it gets a new one.

            await client.documents.put("agents", "planner", {"model": "large", "tools": ["search"]})

        `value` is any JSON value, or bytes; `Json` and `Data` keep a text or a media type exactly. A put that
        changes nothing leaves the version. With `expected_version` (0: the document must not exist) nothing
        is changed unless it is the actual one. `missing_parent` is created if the parent does not exist.
        `ttl` is how long the document lives, counted from each put. Raises VersionMismatch, and
        FailedPrecondition if the parent does not exist or is below the document itself.
        """
        request = to_put(
            collection,
            document_id,
            DocumentDraft(value, parent, labels, metadata, ttl),
            missing_parent=missing_parent,
            expected_version=expected_version,
            request_id=request_id,
        )
        stub = self._connection.stubs.documents
        return from_document((await self._connection.call(stub.PutDocument, request, timeout)).document)

    async def get_or_create(
        self,
        collection: str,
        document_id: str,
        value: object,
        *,
        parent: tuple[str, str] | None = None,
        missing_parent: DocumentDraft | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        ttl: timedelta | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> tuple[Document, bool]:
        """The document as it is, or a new one if there is none; and whether it is new.

            repository, is_new = await client.documents.get_or_create(
                "github/repositories", "acme/site", {"active": True},
                parent=("github/installations", "7"),
                missing_parent=DocumentDraft({"account": "acme"}),
            )

        Of concurrent calls exactly one creates the document, and one its parent where that is
        missing. Raises FailedPrecondition if the parent does not exist and `missing_parent` is not given.
        """
        request = to_put(
            collection,
            require_text(document_id, "document_id"),
            DocumentDraft(value, parent, labels, metadata, ttl),
            missing_parent=missing_parent,
            keep_existing=True,
            request_id=request_id,
        )
        answer = await self._connection.call(self._connection.stubs.documents.PutDocument, request, timeout)
        return from_document(answer.document), answer.created

    async def get(
        self, collection: str, document_id: str, *, refresh_ttl: bool = False, timeout: float | None = None
    ) -> Document:
        """The document; with `refresh_ttl` its time to live begins anew. Raises NotFound."""
        request = build(
            "",
            pb.GetDocumentRequest,
            collection=collection,
            document_id=document_id,
            refresh_ttl=refresh_ttl,
        )
        stub = self._connection.stubs.documents
        return from_document((await self._connection.call(stub.GetDocument, request, timeout)).document)

    def list(
        self,
        collection: str | None = None,
        *,
        refresh_ttl: bool = False,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[DocumentFilter],
    ) -> AsyncPager[Document]:
        """Documents by collection and id, ascending unless `order` says otherwise.

            async for repository in client.documents.list(
                "github/repositories", content={"/active": True, "/stars": {"$gte": 10}}
            ):
                print(repository.document_id)

        The conditions are those of `DocumentFilter`. With `refresh_ttl` the time to live of each document
        that is returned begins anew. `omit_payload` leaves the values out. `page_size` is 20 unless given, at
        most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListDocumentsRequest,
            order=to_order(order),
            refresh_ttl=refresh_ttl,
            omit_payload=omit_payload,
            page_size=page_size,
            page_token=page_token,
            include_total_size=include_total_size,
            **to_conditions(collection, conditions),
        )
        return self._paged(request, timeout, lambda page: map(from_document, page.documents))

    def search(
        self,
        query: str,
        collection: str | None = None,
        *,
        refresh_ttl: bool = False,
        omit_payload: bool = False,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
        **conditions: Unpack[DocumentFilter],
    ) -> AsyncPager[DocumentMatch]:
        """The documents with at least one of the query's words in a string value, best first, then those
        that were last updated.

            async for found in client.documents.search("dark theme", collection_prefix="users"):
                print(f"{found.score:.0%} {found.document.value}")

        A word is found at the beginning of one in the content; case does not matter. All else is as in
        `list`.
        """
        request = build(
            "",
            pb.ListDocumentsRequest,
            query=query,
            refresh_ttl=refresh_ttl,
            omit_payload=omit_payload,
            page_size=page_size,
            page_token=page_token,
            include_total_size=include_total_size,
            **to_conditions(collection, conditions),
        )
        return self._paged(
            request, timeout, lambda page: map(DocumentMatch, map(from_document, page.documents), page.scores)
        )

    def _paged(
        self,
        request: pb.ListDocumentsRequest,
        timeout: float | None,
        items: Callable[[pb.ListDocumentsResponse], Iterable[T]],
    ) -> AsyncPager[T]:
        return paged(self._connection, lambda stubs: stubs.documents.ListDocuments, request, timeout, items)

    async def delete(
        self,
        collection: str,
        document_id: str,
        *,
        with_children: bool = False,
        allow_missing: bool = False,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> int:
        """Delete a document, at once and for good, and return how many were deleted.

        `with_children` deletes its children too; without it a document with children raises
        FailedPrecondition. Raises VersionMismatch, and NotFound unless `allow_missing`: when the first
        response is lost, the retry finds no document.
        """
        request = build(
            "",
            pb.DeleteDocumentRequest,
            collection=collection,
            document_id=document_id,
            expected_version=expected_version,
            allow_missing=allow_missing,
            with_children=with_children,
        )
        stub = self._connection.stubs.documents
        return (await self._connection.call(stub.DeleteDocument, request, timeout)).deleted_count
