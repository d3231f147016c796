"""Documents: versioned values with names, in collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.documents.content import searchable, strings
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_id, new_id
from holdfastdb_server.domain.search import words
from holdfastdb_server.domain.values import (
    JsonObject,
    Payload,
    check_bytes,
    check_count,
    check_payload,
    check_searchable,
    check_ttl,
    check_unique,
    payload_bytes,
    utf8_size,
)


class DocumentKey(Struct, frozen=True, order=True):
    """The name of a document."""

    collection: str
    document_id: str

    def __str__(self) -> str:
        return f"{self.collection}/{self.document_id}"

    def checked(self, path: str = "") -> DocumentKey:
        """Return the key, checked and normalized; `path` ends with a dot. Raises InvalidField."""
        check_collection(f"{path}collection", self.collection)
        check_id(f"{path}document_id", self.document_id)
        return self


class DocumentFields(Struct, frozen=True):
    """The fields of a document that the caller sets. `content` is None only if it was not loaded.

    `ttl` is the time from the last put, or read with `refresh_ttl`, to its expiry; None: no expiry.
    """

    content: Payload | None
    parent: DocumentKey | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    ttl: timedelta | None = None

    def checked(self, path: str) -> DocumentFields:
        """Return the fields, checked and normalized; `path` ends with a dot. Raises InvalidField."""
        check_payload(f"{path}content", self.content or Payload())
        if self.parent is not None:
            self.parent.checked(f"{path}parent.")
        check_ttl(f"{path}ttl", self.ttl)
        return check_searchable(path, self)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the fields."""
        return fingerprint_of(self)


class Document(Struct, frozen=True):
    """A document as it is stored. Times are aware, in UTC."""

    key: DocumentKey
    fields: DocumentFields
    version: int
    create_time: datetime
    update_time: datetime
    expire_time: datetime | None


class DocumentDraft(Struct, frozen=True):
    """A document to put. If `document_id` is empty, it gets a new one."""

    key: DocumentKey
    fields: DocumentFields

    def checked(self, path: str = "document.") -> DocumentDraft:
        """Return the draft, checked and normalized; `path` ends with a dot. Raises InvalidField."""
        check_collection(f"{path}collection", self.key.collection)
        check_optional_id(f"{path}document_id", self.key.document_id)
        return replace(self, fields=self.fields.checked(path))

    def identified(self) -> DocumentDraft:
        """Return the draft with an id: its own, or a new one."""
        return self if self.key.document_id else replace(self, key=replace(self.key, document_id=new_id()))


class DocumentPut(Struct, frozen=True):
    """A put of a document.

    `expected_version` 0: the document must not exist; None: no expectation. `keep_existing`: a document that
    exists is not changed. `missing_parent` is created if the draft's parent does not exist.
    """

    draft: DocumentDraft
    expected_version: int | None = None
    keep_existing: bool = False
    missing_parent: DocumentDraft | None = None

    def checked(self) -> DocumentPut:
        """Return the put, checked and normalized; `missing_parent` has its full key. Raises InvalidField."""
        draft = self.draft.checked()
        if self.keep_existing and self.expected_version is not None:
            raise InvalidField("expected_version", "must not be given with `keep_existing`")
        if self.missing_parent is None:
            return replace(self, draft=draft)
        named, wanted = draft.fields.parent, self.missing_parent.key
        if named is None:
            raise InvalidField("missing_parent", "must not be given without `document.parent`")
        for name in ("collection", "document_id"):
            if getattr(wanted, name) not in ("", getattr(named, name)):
                raise InvalidField(f"missing_parent.{name}", "is not that of `document.parent`")
        parent = replace(self.missing_parent, key=named).checked("missing_parent.")
        _check_together("missing_parent.content", [parent, draft])
        return replace(self, draft=draft, missing_parent=parent)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the put."""
        return fingerprint_of("put document", self)


class PutResult(Struct, frozen=True):
    """The document after a put, and what the put created."""

    document: Document
    is_created: bool
    is_parent_created: bool


class Sync(Struct, frozen=True):
    """Documents to put into a collection; with `prune` its other documents are deleted."""

    collection: str
    drafts: Sequence[DocumentDraft]
    prune: bool = False

    def checked(self) -> Sync:
        """Return the sync, checked and normalized. Raises InvalidField."""
        check_collection("collection", self.collection)
        check_count("documents", self.drafts, limits.DOCUMENTS_PER_SYNC)
        _check_together("documents", self.drafts)
        drafts = []
        for index, draft in enumerate(self.drafts):
            path = f"documents[{index}]."
            if draft.key.collection not in ("", self.collection):
                raise InvalidField(f"{path}collection", "is not that of the request")
            name = check_id(f"{path}document_id", draft.key.document_id)
            drafts.append(replace(draft, key=DocumentKey(self.collection, name)).checked(path))
        names = [draft.key.document_id for draft in drafts]
        check_unique(names, lambda index: f"documents[{index}].document_id", "request")
        return replace(self, drafts=drafts)

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the sync."""
        return fingerprint_of("sync documents", self)


class SyncResult(Struct, frozen=True):
    """The ids of the documents of a sync by what happened to them: ascending, none in two lists."""

    created_ids: Sequence[str] = field(default_factory=list)
    updated_ids: Sequence[str] = field(default_factory=list)
    unchanged_ids: Sequence[str] = field(default_factory=list)
    deleted_ids: Sequence[str] = field(default_factory=list)


class ContentIndex(Struct, frozen=True):
    """The searchable form of a content. `members` is JSON; None if the content is not JSON."""

    members: str | None
    words: Sequence[str]


def index_content(content: Payload | None) -> ContentIndex:
    """Return the searchable form of a content. It takes up to seconds of CPU time for each MiB."""
    if content is None or content.json is None:
        return ContentIndex(None, ())
    return ContentIndex(
        searchable(content.json),
        tuple(islice(words(strings(content.json)), limits.CONTENT_WORDS)),
    )


def check_collection(field: str, path: str) -> str:
    """Return the path of a collection. Raises InvalidField."""
    if not path:
        raise InvalidField(field, "is required")
    check_bytes(field, utf8_size(path), limits.COLLECTION_BYTES)
    segments = path.split("/")
    if len(segments) > limits.COLLECTION_SEGMENTS:
        allowed = f"at most {limits.COLLECTION_SEGMENTS} are allowed"
        raise InvalidField(field, f"has {len(segments)} segments; {allowed}")
    for segment in segments:
        if segment in ("", "*"):
            raise InvalidField(field, "must be segments joined by `/`, none of them empty or `*`")
        check_optional_id(field, segment)
    return path


def _check_together(field: str, drafts: Sequence[DocumentDraft]) -> None:
    size = sum(payload_bytes(draft.fields.content) for draft in drafts)
    if size > limits.PAYLOAD_BYTES:
        allowed = f"at most {limits.PAYLOAD_BYTES} are allowed"
        raise InvalidField(field, f"the contents have {size} bytes together; {allowed}")
