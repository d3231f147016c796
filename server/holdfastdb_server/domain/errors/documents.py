"""Errors of documents."""

from __future__ import annotations

from holdfastdb_server.domain.errors.families import FailedPrecondition, NotFound


class DocumentNotFound(NotFound):
    """The collection has no document with this id."""

    reason = "DOCUMENT_NOT_FOUND"

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__(
            f"collection '{collection}' has no document '{document_id}'",
            collection=collection,
            document_id=document_id,
        )


class ParentNotFound(FailedPrecondition):
    """The document's parent does not exist."""

    reason = "PARENT_NOT_FOUND"

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__(
            f"the parent, document '{document_id}' of collection '{collection}', does not exist",
            collection=collection,
            document_id=document_id,
        )


class DocumentHasChildren(FailedPrecondition):
    """The document is the parent of other documents and so cannot be deleted."""

    reason = "DOCUMENT_HAS_CHILDREN"

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__(
            f"document '{document_id}' of collection '{collection}' is the parent of other documents",
            collection=collection,
            document_id=document_id,
        )
