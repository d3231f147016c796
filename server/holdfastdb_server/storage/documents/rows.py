"""Between rows and documents."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.documents.document import Document, DocumentDraft, DocumentFields, DocumentKey
from holdfastdb_server.domain.values import payload_bytes, utf8_size
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.query.payloads import payload_names, payload_of, payload_values
from holdfastdb_server.storage.query.sizes import OVERHEAD, searchable_size
from holdfastdb_server.storage.schema import documents

CONTENT = payload_names("content")
HEAD = tuple(c for c in documents.columns if c.name not in (*CONTENT, "labels", "metadata"))
"""The columns that are read to change a document, its ancestors or its children."""
_MICROSECOND = timedelta(microseconds=1)


def exists(table: sa.FromClause = documents) -> sa.ColumnElement[bool]:
    """Whether a document exists at the time of the parameter `now`."""
    time = sa.bindparam("now", type_=Micros)
    return sa.or_(table.c.subtree_expire_time.is_(None), table.c.subtree_expire_time > time)


def key_of(row: Any) -> DocumentKey:
    """Return what names the document in a row."""
    return DocumentKey(row.collection, row.id)


def fields_values(draft: DocumentDraft, fingerprint: bytes) -> dict[str, Any]:
    """Return the columns of the fields that a caller gives, but those of the parent."""
    fields = draft.fields
    return {
        **payload_values("content", fields.content),
        "labels": dict(fields.labels),
        "metadata": fields.metadata,
        "ttl": None if fields.ttl is None else fields.ttl // _MICROSECOND,
        "fingerprint": fingerprint,
        "size": _size(draft.key, fields) + payload_bytes(fields.content),
    }


def document_of(row: Any) -> Document:
    """Return the document in a whole row of `documents`."""
    return Document(
        key=key_of(row),
        fields=DocumentFields(
            content=payload_of(row, "content"),
            parent=None if row.parent_id is None else DocumentKey(row.parent_collection, row.parent_id),
            labels=row.labels,
            metadata=row.metadata,
            ttl=None if row.ttl is None else row.ttl * _MICROSECOND,
        ),
        version=row.version,
        create_time=row.create_time,
        update_time=row.update_time,
        expire_time=row.expire_time,
    )


def expire_time_of(row: Any, since: datetime) -> datetime:
    """Return when the time to live of a row, which has one, ends if it starts at `since`."""
    time: datetime = since + row.ttl * _MICROSECOND
    return time


def head_size(row: Any) -> int:
    """Return about how many bytes the document in a row has on the wire without its content."""
    document = document_of(row)
    return _size(document.key, document.fields)


def _size(key: DocumentKey, fields: DocumentFields) -> int:
    keys = (key,) if fields.parent is None else (key, fields.parent)
    searched = searchable_size(fields.labels) + searchable_size(fields.metadata)
    return OVERHEAD + sum(utf8_size(str(one)) for one in keys) + searched
