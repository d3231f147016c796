"""Documents: named, versioned values in collections."""

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
    check_labels,
    check_metadata,
    check_payload,
    check_ttl,
    check_unique,
    payload_bytes,
    utf8_size,
)


class DocumentKey(Struct, frozen=True, order=True):
    """What names a document."""

    collection: str
    document_id: str

    def __str__(self) -> str:
        return f"{self.collection}/{self.document_id}"

    def checked(self, path: str = "") -> DocumentKey:
        """Return the key within all bounds; `path` ends with a dot. Raises InvalidField."""
        check_collection(f"{path}collection", self.collection)
        check_id(f"{path}document_id", self.document_id)
        return self


class DocumentFields(Struct, frozen=True):
    """What a caller says of a document. `content` is None only where it was left out of a list.

    `ttl` is how long it lives from the last put, or read that asks for it; None: for ever.
    """

    content: Payload | None
    parent: DocumentKey | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    ttl: timedelta | None = None

    def checked(self, path: str) -> DocumentFields:
        """Return the fields within all bounds; `path` ends with a dot. Raises InvalidField."""
        check_payload(f"{path}content", self.content or Payload())
        if self.parent is not None:
            self.parent.checked(f"{path}parent.")
        check_ttl(f"{path}ttl", self.ttl)
        return replace(
            self,
            labels=check_labels(f"{path}labels", self.labels),
            metadata=check_metadata(f"{path}metadata", self.metadata),
        )

    def fingerprint(self) -> bytes:
        """Return what equal fields have in common."""
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
    """A document to put. An empty `document_id` stands for a new one."""

    key: DocumentKey
    fields: DocumentFields

    def checked(self, path: str = "document.") -> DocumentDraft:
        """Return the draft within all bounds; `path` ends with a dot. Raises InvalidField."""
        check_collection(f"{path}collection", self.key.collection)
        check_optional_id(f"{path}document_id", self.key.document_id)
        return replace(self, fields=self.fields.checked(path))

    def identified(self) -> DocumentDraft:
        """Return the draft with an id: its own, or a new one."""
        return self if self.key.document_id else replace(self, key=replace(self.key, document_id=new_id()))


class DocumentPut(Struct, frozen=True):
    """A put: the draft, and what it depends on.

    `expected_version` 0: the document must not exist; None: whatever is there. `keep_existing`: one that is
    there is left as it is. `missing_parent` is created if the draft's parent does not exist.
    """

    draft: DocumentDraft
    expected_version: int | None = None
    keep_existing: bool = False
    missing_parent: DocumentDraft | None = None

    def checked(self) -> DocumentPut:
        """Return the put within all bounds, its parent named in full. Raises InvalidField."""
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
        """Return what equal puts have in common."""
        return fingerprint_of("put document", self)


class PutResult(Struct, frozen=True):
    """What a put did."""

    document: Document
    is_created: bool
    is_parent_created: bool


class Sync(Struct, frozen=True):
    """What a collection is to hold; with `prune` nothing else."""

    collection: str
    drafts: Sequence[DocumentDraft]
    prune: bool = False

    def checked(self) -> Sync:
        """Return the sync within all bounds. Raises InvalidField."""
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
        """Return what equal syncs have in common."""
        return fingerprint_of("sync documents", self)


class SyncResult(Struct, frozen=True):
    """What a sync did, by id. Each list is ascending, and no id is in two of them."""

    created_ids: Sequence[str] = field(default_factory=list)
    updated_ids: Sequence[str] = field(default_factory=list)
    unchanged_ids: Sequence[str] = field(default_factory=list)
    deleted_ids: Sequence[str] = field(default_factory=list)


class ContentIndex(Struct, frozen=True):
    """What a document's content is searched by. `members` is JSON, None for content that is not."""

    members: str | None
    words: Sequence[str]


def index_content(content: Payload | None) -> ContentIndex:
    """Return what content is searched by. For a long one it takes a while: seconds for a megabyte."""
    if content is None or content.json is None:
        return ContentIndex(None, ())
    return ContentIndex(
        searchable(content.json),
        tuple(islice(words(strings(content.json)), limits.CONTENT_WORDS)),
    )


def check_collection(field: str, path: str) -> str:
    """Return a collection's path. Raises InvalidField when it is none."""
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
