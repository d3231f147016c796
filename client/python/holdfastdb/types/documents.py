"""What the calls for documents take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

from holdfastdb.types.payloads import HasPayload, Payload


class DocumentKey(NamedTuple):
    """The key of a document. A plain tuple does as well: `("github/installations", "7")`."""

    collection: str
    document_id: str


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A document to put, where a call takes several. Without labels and such, pass the value alone."""

    value: object
    """Any JSON value, or bytes; `Json` and `Data` keep a text or a media type exactly."""
    parent: tuple[str, str] | None = None
    labels: Mapping[str, str] | None = None
    metadata: Mapping[str, object] | None = None
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(HasPayload):
    """A named, versioned value."""

    collection: str
    """A path of segments joined by `/`."""
    document_id: str
    payload: Payload | None
    """None where the list was asked to leave it out."""
    parent: DocumentKey | None
    """The document that this one belongs to."""
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    ttl: timedelta | None
    """How long it lives from the last put, or read that asks for it. None: for ever."""
    version: int
    """Rises by one with each change of the fields above, from 1."""
    create_time: datetime
    update_time: datetime
    """When a field above was last changed."""
    expire_time: datetime | None
    """When its time to live ends."""

    @property
    def key(self) -> DocumentKey:
        """Its key, to be used as the `parent` of another."""
        return DocumentKey(self.collection, self.document_id)


class DocumentFilter(TypedDict, total=False):
    """Which documents: all conditions that are given must hold.

    `collection_prefix`: that collection, and those whose paths begin with its segments. `content` takes JSON
    pointers (RFC 6901), each with the value that the member must equal, or operators with theirs:
    `$eq $ne $gt $gte $lt $lte`. `parent`: only its children. `labels` and the top-level members of `metadata`
    must be there with these values. `update_time_from` is inclusive, `update_time_until` exclusive.
    """

    collection_prefix: str | None
    content: Mapping[str, object] | None
    parent: tuple[str, str] | None
    labels: Mapping[str, str] | None
    metadata: Mapping[str, object] | None
    update_time_from: datetime | None
    update_time_until: datetime | None


@dataclass(frozen=True, slots=True)
class DocumentMatch:
    """A document that a search found."""

    document: Document
    score: float
    """The share of the query's words that were found, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What a sync did, by id, each list ascending."""

    created_ids: tuple[str, ...]
    updated_ids: tuple[str, ...]
    unchanged_ids: tuple[str, ...]
    deleted_ids: tuple[str, ...]
