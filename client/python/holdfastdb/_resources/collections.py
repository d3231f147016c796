"""Collections of documents as a whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from holdfastdb._arguments import require_path
from holdfastdb._convert.documents import from_sync, to_documents
from holdfastdb._convert.enums import to_order
from holdfastdb._convert.messages import build
from holdfastdb._ids import id_or_new
from holdfastdb._resources.directories import collection_of, read_directory
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types.documents import SyncResult
from holdfastdb.types.pages import Order
from holdfastdb.v1 import document_service_pb2 as pb


class AsyncCollections:
    """The part of `client.documents` that is about whole collections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        request = build(
            "",
            pb.SyncDocumentsRequest,
            collection=collection,
            documents=to_documents(collection, documents),
            prune=prune,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.documents
        return from_sync(await self._connection.call(stub.SyncDocuments, request, timeout))

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
        path = require_path(directory, "directory")
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
            page_token=page_token,
            order=to_order(order),
            prefix=prefix,
            suffix=suffix,
            max_depth=max_depth,
            include_total_size=include_total_size,
        )
        return paged(
            self._connection,
            lambda stubs: stubs.documents.ListCollections,
            request,
            timeout,
            lambda page: page.collections,
        )
