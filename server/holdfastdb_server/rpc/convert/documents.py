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
    Put,
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
from holdfastdb_server.domain.values import check_metadata_filter
from holdfastdb_server.rpc.convert.scalars import (
    read_choice,
    read_duration,
    read_optional_count,
    read_optional_time,
    read_payload,
    read_struct,
    write_duration,
    write_payload,
    write_struct,
    write_time,
)

ResponseT = TypeVar("ResponseT", pb.PutDocumentResponse, pb.GetDocumentResponse)
NamedT = TypeVar("NamedT", pb.GetDocumentRequest, pb.DeleteDocumentRequest)

_OPERATORS: dict[int, ContentOperator] = {
    pb.ContentOperator.Value(f"CONTENT_OPERATOR_{operator.name}"): operator for operator in ContentOperator
}


def read_put(request: pb.PutDocumentRequest) -> DocumentPut:
    """Return the put."""
    missing_parent = None
    if request.HasField("missing_parent"):
        missing_parent = _read_draft(request.missing_parent, "missing_parent.")
    return DocumentPut(
        draft=_read_draft(request.document, "document."),
        expected_version=read_optional_count(request, "expected_version"),
        keep_existing=request.keep_existing,
        missing_parent=missing_parent,
    ).checked()


def read_key(request: NamedT) -> DocumentKey:
    """Return what names the document."""
    return DocumentKey(request.collection, request.document_id).checked()


def read_filter(request: pb.ListDocumentsRequest) -> DocumentFilter:
    """Return which documents to list."""
    scope = request.WhichOneof("scope")
    if scope is not None and not getattr(request, scope):
        raise InvalidField(scope, "must not be empty; leave it out for all collections")
    if request.query and request.order:
        raise InvalidField("order", "must not be given with a `query`, which comes best first")
    return DocumentFilter(
        collection=request.collection,
        collection_prefix=request.collection_prefix,
        words=check_query("query", request.query) if request.query else (),
        content=tuple(_read_content_filter(*one) for one in enumerate(request.content_filters)),
        parent=_read_parent(request.parent) if request.HasField("parent") else None,
        labels=dict(request.labels),
        metadata=check_metadata_filter("metadata", read_struct("metadata", request.metadata)),
        updated_from=read_optional_time(request, "update_time_from"),
        updated_until=read_optional_time(request, "update_time_until"),
        omit_payload=request.omit_payload,
    ).checked()


def read_sync(request: pb.SyncDocumentsRequest) -> Sync:
    """Return what a collection is to hold."""
    drafts = [_read_draft(one, f"documents[{index}].") for index, one in enumerate(request.documents)]
    return Sync(request.collection, drafts, request.prune).checked()


def read_collection_filter(request: pb.ListCollectionsRequest) -> CollectionFilter:
    """Return which collections to list."""
    return CollectionFilter(request.prefix, request.suffix, request.max_depth).checked()


def write_put(put: Put) -> pb.PutDocumentResponse:
    """Return the answer to a put."""
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


def write_found(found: Sequence[Match]) -> pb.ListDocumentsResponse:
    """Return the documents that were found, with their scores."""
    response = write_documents([one.document for one in found])
    response.scores.extend(one.score for one in found)
    return response


def write_synced(synced: SyncResult) -> pb.SyncDocumentsResponse:
    """Return the answer to a sync."""
    return pb.SyncDocumentsResponse(
        created_ids=synced.created_ids,
        updated_ids=synced.updated_ids,
        unchanged_ids=synced.unchanged_ids,
        deleted_ids=synced.deleted_ids,
    )


def _read_draft(document: pb.Document, path: str) -> DocumentDraft:
    return DocumentDraft(
        DocumentKey(document.collection, document.document_id),
        DocumentFields(
            content=read_payload(document.content),
            parent=_read_parent(document.parent) if document.HasField("parent") else None,
            labels=dict(document.labels),
            metadata=read_struct(f"{path}metadata", document.metadata),
            ttl=read_duration(f"{path}ttl", document.ttl) if document.HasField("ttl") else None,
        ),
    )


def _read_parent(parent: pb.DocumentKey) -> DocumentKey:
    return DocumentKey(parent.collection, parent.document_id)


def _read_content_filter(index: int, where: pb.ContentFilter) -> ContentFilter:
    path = f"content_filters[{index}]."
    operator = read_choice(f"{path}operator", where.operator, _OPERATORS)
    return content_filter(path, where.pointer, operator, where.value_json)


def _write_document(target: pb.Document, document: Document) -> None:
    fields = document.fields
    target.collection = document.key.collection
    target.document_id = document.key.document_id
    if fields.content is not None:
        write_payload(target.content, fields.content)
    if fields.parent is not None:
        target.parent.collection = fields.parent.collection
        target.parent.document_id = fields.parent.document_id
    if fields.labels:
        target.labels.update(fields.labels)
    if fields.metadata:
        write_struct(target.metadata, fields.metadata)
    if fields.ttl is not None:
        write_duration(target.ttl, fields.ttl)
    target.version = document.version
    write_time(target.create_time, document.create_time)
    write_time(target.update_time, document.update_time)
    if document.expire_time is not None:
        write_time(target.expire_time, document.expire_time)
