"""Conditions on documents and collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum, auto

from msgspec import Struct, field

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.documents.content import compared, is_ordered, read_pointer
from holdfastdb_server.domain.documents.document import Document, DocumentKey, check_collection
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.values import (
    JsonScalar,
    check_bytes,
    check_count,
    check_filter,
    check_json,
    check_not_negative,
    utf8_size,
)


class ContentOperator(Enum):
    """The operators that compare a member of a document's content with a value."""

    EQUAL = auto()
    NOT_EQUAL = auto()
    GREATER = auto()
    GREATER_OR_EQUAL = auto()
    LESS = auto()
    LESS_OR_EQUAL = auto()

    @property
    def is_of_size(self) -> bool:
        """Whether it compares by order, not by equality."""
        return self not in (ContentOperator.EQUAL, ContentOperator.NOT_EQUAL)


class ContentFilter(Struct, frozen=True):
    """A condition on a document's content in its searchable form (domain/documents/content.py).

    `path`: the escaped names that lead to the member. `value`: the form that it is compared with.
    """

    path: tuple[str, ...]
    operator: ContentOperator
    value: str


def content_filter(path: str, pointer: str, operator: ContentOperator, value_json: str) -> ContentFilter:
    """Return a filter; `path`, that of its field, ends with a dot. Raises InvalidField."""
    check_bytes(f"{path}pointer", utf8_size(pointer), limits.CONTENT_POINTER_BYTES)
    if not value_json:
        raise InvalidField(f"{path}value_json", "is required")
    check_bytes(f"{path}value_json", utf8_size(value_json), limits.CONTENT_VALUE_BYTES)
    value = compared(check_json(f"{path}value_json", value_json))
    if operator.is_of_size and not is_ordered(value):
        raise InvalidField(f"{path}value_json", "must be a number or a string to compare by order")
    return ContentFilter(read_pointer(f"{path}pointer", pointer), operator, value)


class DocumentFilter(Struct, frozen=True):
    """A condition on documents: all that is given must match. Times are aware; `…_until` is exclusive.

    `collection_prefix` matches this path and those that begin with its segments. `words` are those of a
    query, at least one of which must match.
    """

    collection: str = ""
    collection_prefix: str = ""
    words: Sequence[str] = ()
    content: Sequence[ContentFilter] = ()
    parent: DocumentKey | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    updated_from: datetime | None = None
    updated_until: datetime | None = None
    omit_payload: bool = False

    def checked(self) -> DocumentFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        for name in ("collection", "collection_prefix"):
            if path := getattr(self, name):
                check_collection(name, path)
        check_count("content_filters", self.content, limits.CONTENT_FILTERS)
        if self.parent is not None:
            self.parent.checked("parent.")
        return check_filter("", self)


class Match(Struct, frozen=True):
    """A document that a search returned, with its score from 0 to 1."""

    document: Document
    score: float


class CollectionFilter(Struct, frozen=True):
    """A condition on collections: all that is given must match. `max_depth` 0: paths are not cut."""

    prefix: str = ""
    suffix: str = ""
    max_depth: int = 0

    def checked(self) -> CollectionFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        for name in ("prefix", "suffix"):
            if path := getattr(self, name):
                check_collection(name, path)
        check_not_negative("max_depth", self.max_depth)
        return self
