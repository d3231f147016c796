"""Documents between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import document_service_pb2 as pb
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
from holdfastdb_server.domain.documents.filters import (
    CollectionFilter,
    ContentFilter,
    ContentOperator,
    DocumentFilter,
    Match,
    content_filter,
)
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.search import check_query
from holdfastdb_server.rpc.convert.enums import read_enum
from holdfastdb_server.rpc.convert.fields import read_fields, write_fields
from holdfastdb_server.rpc.convert.scalars import read_optional_time, read_payload

ResponseT = TypeVar("ResponseT", pb.PutDocumentResponse, pb.GetDocumentResponse)
NamedT = TypeVar("NamedT", pb.GetDocumentRequest, pb.DeleteDocumentRequest)


def read_put(request: pb.PutDocumentRequest) -> DocumentPut:
    """Return the put."""
    missing_parent = None
    if request.HasField("missing_parent"):
        missing_parent = _read_draft(request.missing_parent, "missing_parent.")
    draft = _read_draft(request.document, "document.")
    return read_fields(request, DocumentPut, draft=draft, missing_parent=missing_parent).checked()


def read_key(request: NamedT) -> DocumentKey:
    """Return the key of the document."""
    return read_fields(request, DocumentKey).checked()


def read_filter(request: pb.ListDocumentsRequest) -> DocumentFilter:
    """Return which documents to list."""
    scope = request.WhichOneof("scope")
    if scope is not None and not getattr(request, scope):
        raise InvalidField(scope, "must not be empty; leave it out for all collections")
    if request.query and request.order:
        raise InvalidField("order", "must not be given with a `query`, which is ordered by score")
    return read_fields(
        request,
        DocumentFilter,
        collection=request.collection,
        collection_prefix=request.collection_prefix,
        words=check_query("query", request.query) if request.query else (),
        content=tuple(_read_content_filter(*one) for one in enumerate(request.content_filters)),
        parent=read_fields(request.parent, DocumentKey) if request.HasField("parent") else None,
        updated_from=read_optional_time(request, "update_time_from"),
        updated_until=read_optional_time(request, "update_time_until"),
    ).checked()


def read_sync(request: pb.SyncDocumentsRequest) -> Sync:
    """Return the sync."""
    drafts = [_read_draft(one, f"documents[{index}].") for index, one in enumerate(request.documents)]
    return Sync(request.collection, drafts, request.prune).checked()


def read_collection_filter(request: pb.ListCollectionsRequest) -> CollectionFilter:
    """Return which collections to list."""
    return read_fields(request, CollectionFilter).checked()


def write_put_result(put: PutResult) -> pb.PutDocumentResponse:
    """Return the response of PutDocument."""
    response = pb.PutDocumentResponse(created=put.is_created, parent_created=put.is_parent_created)
    return write_document(response, put.document)


def write_document(response: ResponseT, document: Document) -> ResponseT:
    """Return the response with its document."""
    _write_document(response.document, document)
    return response


def write_documents(documents: Sequence[Document]) -> pb.ListDocumentsResponse:
    """Return a list of documents."""
    response = pb.ListDocumentsResponse()
    for document in documents:
        _write_document(response.documents.add(), document)
    return response


def write_matches(matches: Sequence[Match]) -> pb.ListDocumentsResponse:
    """Return a list of documents with their scores."""
    response = write_documents([match.document for match in matches])
    response.scores.extend(match.score for match in matches)
    return response


def write_sync_result(synced: SyncResult) -> pb.SyncDocumentsResponse:
    """Return the response of SyncDocuments."""
    response = pb.SyncDocumentsResponse()
    write_fields(response, synced)
    return response


def _read_draft(document: pb.Document, path: str) -> DocumentDraft:
    parent = read_fields(document.parent, DocumentKey) if document.HasField("parent") else None
    content = read_payload(document.content)
    fields = read_fields(document, DocumentFields, path, content=content, parent=parent)
    return DocumentDraft(read_fields(document, DocumentKey), fields)


def _read_content_filter(index: int, where: pb.ContentFilter) -> ContentFilter:
    path = f"content_filters[{index}]."
    operator = read_enum(f"{path}operator", where.operator, ContentOperator)
    return content_filter(path, where.pointer, operator, where.value_json)


def _write_document(target: pb.Document, document: Document) -> None:
    write_fields(target, document)
    write_fields(target, document.key)
    write_fields(target, document.fields)
    if document.fields.parent is not None:
        write_fields(target.parent, document.fields.parent)
