"""Named, versioned documents in collections."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from holdfastdb._convert.documents import from_document, put_request, to_document, to_draft, to_filters
from holdfastdb._convert.sessions import to_order
from holdfastdb._convert.values import build
from holdfastdb._ids import new_id
from holdfastdb._resources.directories import collection_of, read_directory
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, Page
from holdfastdb.types.documents import Document, DocumentDraft, DocumentMatch, SyncResult
from holdfastdb.types.sessions import Order
from holdfastdb.v1 import document_service_pb2 as pb


class AsyncDocuments:
    """`client.documents`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too.

    Collections are paths such as `github/repositories`. A `parent` is a pair: collection and id.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        """Create a document, or replace it whole, and return it. Without an id it gets a new one.

            await client.documents.put("agents", "planner", {"model": "large", "tools": ["search"]})

        `value` is any JSON value, or bytes; `Json` and `Data` keep a text or a media type exactly. A put that
        changes nothing leaves the version. With `expected_version` (0: the document must not exist) nothing
        is changed unless it is the actual one. `missing_parent` is created if the parent does not exist.
        `ttl` is how long the document lives, counted from each put. Raises VersionMismatch, and
        FailedPrecondition if the parent does not exist or is below the document itself.
        """
        draft = DocumentDraft(value, parent, labels, metadata, ttl)
        request = put_request(collection, document_id, draft, missing_parent, request_id)
        if expected_version is not None:
            request.expected_version = expected_version
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

        However many call at the same instant, one creates the document, and one its parent where that is
        missing. Raises FailedPrecondition if the parent does not exist and `missing_parent` is not given.
        """
        draft = DocumentDraft(value, parent, labels, metadata, ttl)
        request = put_request(collection, document_id, draft, missing_parent, request_id)
        request.keep_existing = True
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
        collection_prefix: str | None = None,
        content: Mapping[str, object] | None = None,
        parent: tuple[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        update_time_from: datetime | None = None,
        update_time_until: datetime | None = None,
        refresh_ttl: bool = False,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[Document]:
        """Documents by collection and id, ascending unless `order` says otherwise. All given filters must
        hold.

            async for repository in client.documents.list(
                "github/repositories", content={"/active": True, "/stars": {"$gte": 10}}
            ):
                print(repository.document_id)

        `collection_prefix`: that collection, and those whose paths begin with its segments. `content` takes
        JSON pointers (RFC 6901), each with the value that the member must equal, or operators with theirs:
        `$eq $ne $gt $gte $lt $lte`. `parent`: only its children. `labels` and the top-level members of
        `metadata` must be there with these values. `update_time_until` is exclusive. `page_size` is 20 unless
        given, at most 100; `timeout` holds for each page.
        """
        request = build(
            "",
            pb.ListDocumentsRequest,
            order=to_order(order),
            **to_filters(
                collection,
                collection_prefix,
                content,
                parent,
                labels,
                metadata,
                update_time_from,
                update_time_until,
            ),
            refresh_ttl=refresh_ttl,
            omit_payload=omit_payload,
            page_size=page_size,
            include_total_size=include_total_size,
        )

        async def fetch(token: str) -> Page[Document]:
            answer, total = await self._page(request, token, timeout)
            return Page(tuple(map(from_document, answer.documents)), answer.next_page_token, total)

        return AsyncPager(fetch, page_token)

    def search(
        self,
        query: str,
        collection: str | None = None,
        *,
        collection_prefix: str | None = None,
        content: Mapping[str, object] | None = None,
        parent: tuple[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, object] | None = None,
        update_time_from: datetime | None = None,
        update_time_until: datetime | None = None,
        refresh_ttl: bool = False,
        omit_payload: bool = False,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[DocumentMatch]:
        """The documents with at least one of the query's words in a string value, best first, then those
        that were last updated.

            async for found in client.documents.search("dark theme", collection_prefix="users"):
                print(f"{found.score:.0%} {found.document.value}")

        A word is found at the beginning of one in the content; case does not matter. The filters are those
        of `list`.
        """
        request = build(
            "",
            pb.ListDocumentsRequest,
            query=query,
            **to_filters(
                collection,
                collection_prefix,
                content,
                parent,
                labels,
                metadata,
                update_time_from,
                update_time_until,
            ),
            refresh_ttl=refresh_ttl,
            omit_payload=omit_payload,
            page_size=page_size,
            include_total_size=include_total_size,
        )

        async def fetch(token: str) -> Page[DocumentMatch]:
            answer, total = await self._page(request, token, timeout)
            found = zip(map(from_document, answer.documents), answer.scores, strict=True)
            return Page(tuple(DocumentMatch(*one) for one in found), answer.next_page_token, total)

        return AsyncPager(fetch, page_token)

    async def _page(
        self, request: pb.ListDocumentsRequest, token: str, timeout: float | None
    ) -> tuple[pb.ListDocumentsResponse, int | None]:
        page = pb.ListDocumentsRequest()
        page.CopyFrom(request)
        page.page_token = token
        answer = await self._connection.call(self._connection.stubs.documents.ListDocuments, page, timeout)
        return answer, answer.total_size if answer.HasField("total_size") else None

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

        Raises FailedPrecondition if it has children, unless they may go too `with_children`; VersionMismatch;
        and NotFound unless `allow_missing`. If the first answer is lost, the retry may find the document gone
        already: `allow_missing` spares you the doubt.
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

    async def sync(
        self,
        collection: str,
        documents: Mapping[str, object],
        *,
        prune: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> SyncResult:
        """Make a collection hold these documents, all or nothing, and tell what that took.

            done = await client.documents.sync("agents", {"planner": {...}, "coder": {...}}, prune=True)
            print(done.created_ids, done.updated_ids, done.unchanged_ids, done.deleted_ids)

        A value may be a `DocumentDraft`, with labels and such. With `prune` the collection's other documents
        are deleted. At most 1,000 documents, of 3 MiB in all. Raises FailedPrecondition if a parent does not
        exist, or one to prune has children that stay.
        """
        messages = [
            to_document(collection, document_id, to_draft(value), f"documents[{document_id!r}].")
            for document_id, value in documents.items()
        ]
        request = build(
            "",
            pb.SyncDocumentsRequest,
            collection=collection,
            documents=messages,
            prune=prune,
            request_id=request_id or new_id(),
        )
        answer = await self._connection.call(self._connection.stubs.documents.SyncDocuments, request, timeout)
        return SyncResult(
            tuple(answer.created_ids),
            tuple(answer.updated_ids),
            tuple(answer.unchanged_ids),
            tuple(answer.deleted_ids),
        )

    async def sync_directory(
        self,
        directory: str | os.PathLike[str],
        collection: str | None = None,
        *,
        prune: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> SyncResult:
        """`sync` with the `*.json` files of a directory: each is the document named as the file is.

            await client.documents.sync_directory("config/agents", prune=True)

        The collection is named as the directory unless given. Raises InvalidArgument with a violation for
        each file that is no JSON, and sends nothing then; OSError if there is no such directory.
        """
        path = Path(directory)
        documents = await asyncio.to_thread(read_directory, path)
        name = collection_of(path) if collection is None else collection
        return await self.sync(name, documents, prune=prune, request_id=request_id, timeout=timeout)

    def collections(
        self,
        prefix: str = "",
        *,
        suffix: str = "",
        max_depth: int = 0,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[str]:
        """The paths of the collections, each once, ascending unless `order` says otherwise.

            async for path in client.documents.collections("users", max_depth=2): ...

        Only those that begin with the segments of `prefix` and end with those of `suffix`; with `max_depth`
        cut after so many segments. `page_size` is 20 unless given, at most 100; `timeout` holds for each
        page.
        """
        request = build(
            "",
            pb.ListCollectionsRequest,
            page_size=page_size,
            order=to_order(order),
            prefix=prefix,
            suffix=suffix,
            max_depth=max_depth,
            include_total_size=include_total_size,
        )

        async def fetch(token: str) -> Page[str]:
            page = pb.ListCollectionsRequest()
            page.CopyFrom(request)
            page.page_token = token
            stub = self._connection.stubs.documents
            answer = await self._connection.call(stub.ListCollections, page, timeout)
            total = answer.total_size if answer.HasField("total_size") else None
            return Page(tuple(answer.collections), answer.next_page_token, total)

        return AsyncPager(fetch, page_token)
