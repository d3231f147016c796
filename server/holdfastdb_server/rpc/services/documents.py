"""DocumentService: versioned documents with names, in collections."""

from __future__ import annotations

from holdfastdb.v1 import document_service_pb2 as pb
from holdfastdb.v1.document_service_pb2_grpc import DocumentServiceServicer
from holdfastdb_server.domain.errors import DocumentNotFound
from holdfastdb_server.domain.ids import check_optional_id
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.rpc.context import Context, namespace
from holdfastdb_server.rpc.convert import documents, paging
from holdfastdb_server.rpc.convert.scalars import read_optional_count
from holdfastdb_server.rpc.services.missing import allowed_missing


class DocumentService(DocumentServiceServicer):
    """Implements the service as its `.proto` file says."""

    def __init__(self, store: Store) -> None:
        self._documents = store.documents

    async def PutDocument(self, request: pb.PutDocumentRequest, context: Context) -> pb.PutDocumentResponse:
        request_id = check_optional_id("request_id", request.request_id)
        return documents.write_put_result(
            await self._documents.put(namespace(), documents.read_put(request), request_id)
        )

    async def GetDocument(self, request: pb.GetDocumentRequest, context: Context) -> pb.GetDocumentResponse:
        key, refresh_ttl = documents.read_key(request), request.refresh_ttl
        document = await self._documents.get(namespace(), key, refresh_ttl=refresh_ttl)
        return documents.write_document(pb.GetDocumentResponse(), document)

    async def ListDocuments(
        self, request: pb.ListDocumentsRequest, context: Context
    ) -> pb.ListDocumentsResponse:
        where, refresh_ttl = documents.read_filter(request), request.refresh_ttl
        if where.words:
            wanted, scope = paging.read_page(paging.DOCUMENT_MATCHES, request)
            matches = await self._documents.search(namespace(), where, wanted, refresh_ttl=refresh_ttl)
            return paging.write_page(documents.write_matches(matches.items), scope, matches)
        wanted, scope = paging.read_page(paging.DOCUMENTS, request)
        page = await self._documents.list(namespace(), where, wanted, refresh_ttl=refresh_ttl)
        return paging.write_page(documents.write_documents(page.items), scope, page)

    async def DeleteDocument(
        self, request: pb.DeleteDocumentRequest, context: Context
    ) -> pb.DeleteDocumentResponse:
        key, expected_version = documents.read_key(request), read_optional_count(request, "expected_version")
        count = 0
        with allowed_missing(request.allow_missing, DocumentNotFound):
            count = await self._documents.delete(
                namespace(), key, expected_version, with_children=request.with_children
            )
        return pb.DeleteDocumentResponse(deleted_count=count)

    async def SyncDocuments(
        self, request: pb.SyncDocumentsRequest, context: Context
    ) -> pb.SyncDocumentsResponse:
        request_id = check_optional_id("request_id", request.request_id)
        return documents.write_sync_result(
            await self._documents.sync(namespace(), documents.read_sync(request), request_id)
        )

    async def ListCollections(
        self, request: pb.ListCollectionsRequest, context: Context
    ) -> pb.ListCollectionsResponse:
        wanted, scope = paging.read_page(paging.COLLECTIONS, request)
        where = documents.read_collection_filter(request)
        page = await self._documents.list_collections(namespace(), where, wanted)
        return paging.write_page(pb.ListCollectionsResponse(collections=page.items), scope, page)
