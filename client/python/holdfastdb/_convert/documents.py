"""Documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from holdfastdb._arguments import refused, require, require_known, require_mapping
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.payloads import from_optional_payload, to_payload
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import (
    from_optional_duration,
    from_optional_timestamp,
    from_timestamp,
    to_duration,
    to_timestamp,
)
from holdfastdb._ids import id_or_new, new_id
from holdfastdb.types._encoding import encode_json
from holdfastdb.types.documents import Document, DocumentDraft, DocumentFilter, DocumentKey, SyncResult
from holdfastdb.v1 import document_service_pb2 as pb

_OPERATORS = {
    "$eq": pb.CONTENT_OPERATOR_EQUAL,
    "$ne": pb.CONTENT_OPERATOR_NOT_EQUAL,
    "$gt": pb.CONTENT_OPERATOR_GREATER,
    "$gte": pb.CONTENT_OPERATOR_GREATER_OR_EQUAL,
    "$lt": pb.CONTENT_OPERATOR_LESS,
    "$lte": pb.CONTENT_OPERATOR_LESS_OR_EQUAL,
}


def to_document(collection: str, document_id: str, draft: DocumentDraft, path: str) -> pb.Document:
    """The message; `path`, that of its field, ends with a dot."""
    return build(
        path,
        pb.Document,
        collection=collection,
        document_id=document_id,
        content=to_payload(draft.value, f"{path}value"),
        parent=to_parent(draft.parent, f"{path}parent"),
        labels=to_labels(draft.labels, f"{path}labels"),
        metadata=to_struct(draft.metadata, f"{path}metadata"),
        ttl=to_duration(draft.ttl, f"{path}ttl"),
    )


def to_documents(collection: str, documents: Mapping[str, object]) -> list[pb.Document]:
    """The messages of a collection's documents. A value alone is a draft that says no more."""
    return [
        to_document(
            collection,
            document_id,
            value if isinstance(value, DocumentDraft) else DocumentDraft(value),
            f"documents[{document_id!r}].",
        )
        for document_id, value in require_mapping(documents, "documents").items()
    ]


def to_put(
    collection: str,
    document_id: str | None,
    draft: DocumentDraft,
    *,
    missing_parent: DocumentDraft | None,
    expected_version: int | None = None,
    keep_existing: bool = False,
    request_id: str | None,
) -> pb.PutDocumentRequest:
    parent = None
    if missing_parent is not None:
        require(missing_parent, DocumentDraft, "missing_parent", "a DocumentDraft")
        parent = to_document("", "", missing_parent, "missing_parent.")
    name = new_id() if document_id is None else document_id
    return build(
        "",
        pb.PutDocumentRequest,
        document=to_document(collection, name, draft, ""),
        missing_parent=parent,
        expected_version=expected_version,
        keep_existing=keep_existing,
        request_id=id_or_new(request_id),
    )


def to_parent(parent: tuple[str, str] | None, path: str) -> pb.DocumentKey | None:
    if parent is None:
        return None
    if not isinstance(parent, tuple | list) or len(parent) != 2:
        raise refused(path, "a collection and an id are needed: ('github/installations', '7')")
    return build(f"{path}.", pb.DocumentKey, collection=parent[0], document_id=parent[1])


def to_conditions(collection: str | None, conditions: DocumentFilter) -> dict[str, Any]:
    """The filter fields of ListDocumentsRequest."""
    require_known(conditions, DocumentFilter)
    prefix = conditions.get("collection_prefix")
    if collection is not None and prefix is not None:
        raise refused("collection", "must not be given with `collection_prefix`")
    return {
        "collection": collection,
        "collection_prefix": prefix,
        "content_filters": _to_content_filters(conditions.get("content")),
        "parent": to_parent(conditions.get("parent"), "parent"),
        "labels": to_labels(conditions.get("labels")),
        "metadata": to_struct(conditions.get("metadata")),
        "update_time_from": to_timestamp(conditions.get("update_time_from"), "update_time_from"),
        "update_time_until": to_timestamp(conditions.get("update_time_until"), "update_time_until"),
    }


def _to_content_filters(content: Mapping[str, object] | None) -> list[pb.ContentFilter]:
    if content is None:
        return []
    members = require_mapping(content, "content").items()
    return [one for pointer, wanted in members for one in _to_conditions_on(pointer, wanted)]


def _to_conditions_on(pointer: str, wanted: object) -> Iterator[pb.ContentFilter]:
    path = f"content[{pointer!r}]"
    if not (isinstance(wanted, Mapping) and any(str(name).startswith("$") for name in wanted)):
        wanted = {"$eq": wanted}
    for name, value in wanted.items():
        if name not in _OPERATORS:
            raise refused(path, f"{name!r} is not one of {', '.join(_OPERATORS)}")
        yield build(
            f"{path}.",
            pb.ContentFilter,
            pointer=pointer,
            operator=_OPERATORS[name],
            value_json=encode_json(value, f"{path}.{name}"),
        )


def from_document(message: pb.Document) -> Document:
    parent = DocumentKey(message.parent.collection, message.parent.document_id)
    return Document(
        collection=message.collection,
        document_id=message.document_id,
        payload=from_optional_payload(message, "content"),
        parent=parent if message.HasField("parent") else None,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        ttl=from_optional_duration(message, "ttl"),
        version=message.version,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        expire_time=from_optional_timestamp(message, "expire_time"),
    )


def from_sync(message: pb.SyncDocumentsResponse) -> SyncResult:
    return SyncResult(
        tuple(message.created_ids),
        tuple(message.updated_ids),
        tuple(message.unchanged_ids),
        tuple(message.deleted_ids),
    )
