"""Between the contract's messages and the client's dataclasses: documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from holdfastdb._convert.sessions import from_payload_message, to_payload_message, to_time
from holdfastdb._convert.values import (
    build,
    from_struct,
    from_timestamp,
    to_duration,
    to_struct,
    to_timestamp,
)
from holdfastdb._ids import new_id
from holdfastdb.errors import refused
from holdfastdb.types._encoding import to_json, to_payload
from holdfastdb.types.documents import Document, DocumentDraft, DocumentKey
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
        content=to_payload_message(to_payload(draft.value, f"{path}value"), f"{path}value"),
        parent=to_parent(draft.parent, f"{path}parent"),
        labels=draft.labels,
        metadata=to_struct(draft.metadata, f"{path}metadata"),
        ttl=None if draft.ttl is None else to_duration(draft.ttl),
    )


def to_parent(parent: tuple[str, str] | None, path: str) -> pb.DocumentKey | None:
    if parent is None:
        return None
    if isinstance(parent, str) or len(parent) != 2:
        raise refused(path, "a collection and an id are needed: ('github/installations', '7')")
    return build(f"{path}.", pb.DocumentKey, collection=parent[0], document_id=parent[1])


def to_content_filters(content: Mapping[str, object] | None) -> list[pb.ContentFilter]:
    """Conditions on members, by their JSON pointers: a value to equal, or a dict of operators and values."""
    return [one for pointer, wanted in (content or {}).items() for one in _conditions(pointer, wanted)]


def _conditions(pointer: str, wanted: object) -> Iterator[pb.ContentFilter]:
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
            value_json=to_json(value, f"{path}.{name}"),
        )


def from_document(message: pb.Document) -> Document:
    has_content = message.HasField("content")
    parent = DocumentKey(message.parent.collection, message.parent.document_id)
    return Document(
        collection=message.collection,
        document_id=message.document_id,
        payload=from_payload_message(message.content) if has_content else None,
        parent=parent if message.HasField("parent") else None,
        labels=dict(message.labels),
        metadata=from_struct(message.metadata),
        ttl=message.ttl.ToTimedelta() if message.HasField("ttl") else None,
        version=message.version,
        create_time=from_timestamp(message.create_time),
        update_time=from_timestamp(message.update_time),
        expire_time=to_time(message.expire_time, message.HasField("expire_time")),
    )


def to_draft(value: object) -> DocumentDraft:
    """A value on its own is a draft that says no more."""
    return value if isinstance(value, DocumentDraft) else DocumentDraft(value)


def put_request(
    collection: str,
    document_id: str | None,
    draft: DocumentDraft,
    missing_parent: DocumentDraft | None,
    request_id: str | None,
) -> pb.PutDocumentRequest:
    request = build("", pb.PutDocumentRequest, request_id=request_id or new_id())
    name = new_id() if document_id is None else document_id
    request.document.CopyFrom(to_document(collection, name, draft, ""))
    if missing_parent is not None:
        request.missing_parent.CopyFrom(to_document("", "", missing_parent, "missing_parent."))
    return request


def to_filters(
    collection: str | None,
    collection_prefix: str | None,
    content: Mapping[str, object] | None,
    parent: tuple[str, str] | None,
    labels: Mapping[str, str] | None,
    metadata: Mapping[str, object] | None,
    update_time_from: datetime | None,
    update_time_until: datetime | None,
) -> dict[str, Any]:
    """The fields of a request that say which documents."""
    if collection is not None and collection_prefix is not None:
        raise refused("collection", "must not be given with `collection_prefix`")
    return {
        "collection": collection,
        "collection_prefix": collection_prefix,
        "content_filters": to_content_filters(content),
        "parent": to_parent(parent, "parent"),
        "labels": labels,
        "metadata": to_struct(metadata),
        "update_time_from": to_timestamp(update_time_from, "update_time_from"),
        "update_time_until": to_timestamp(update_time_until, "update_time_until"),
    }
