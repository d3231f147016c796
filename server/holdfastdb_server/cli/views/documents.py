"""Documents as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeAlias

from rich.text import Text

from holdfastdb import Document, SyncResult
from holdfastdb_server.cli.views import formatting
from holdfastdb_server.cli.views.tables import Column, Fit, print_list, print_rows, remark

_Row: TypeAlias = tuple[Document, float | None]

_CHANGES = {"created": "bold green", "updated": "yellow", "unchanged": "dim", "deleted": "bold red"}
_COLLECTIONS: tuple[Column[str], ...] = (Column("Collection", lambda path: path, Fit.ID, style="bold"),)
_DOCUMENTS: tuple[Column[_Row], ...] = (
    Column("Document", lambda row: row[0].document_id, Fit.ID, style="bold"),
    Column("Score", lambda row: "" if row[1] is None else f"{row[1]:.0%}", right=True),
    Column("Version", lambda row: str(row[0].version), right=True),
    Column("Parent", lambda row: "/".join(row[0].parent or ()), Fit.ID),
    Column("Labels", lambda row: formatting.labels(row[0].labels, " "), Fit.TEXT),
    Column("Updated", lambda row: formatting.ago(row[0].update_time), style="dim"),
    Column("Expires", lambda row: formatting.ago(row[0].expire_time) if row[0].expire_time else ""),
)
_IMPORTANCE = ("Score", "Updated", "Version", "Parent", "Labels", "Expires")
_SYNCED: tuple[Column[tuple[str, str]], ...] = (
    Column("Document", lambda row: row[0], Fit.ID, style="bold"),
    Column("Change", lambda row: Text(row[1], style=_CHANGES[row[1]])),
)


def print_collections(found: Sequence[str], total: int, is_filtered: bool) -> None:
    """The paths of collections, of which there are `total`."""
    print_list(
        _COLLECTIONS,
        found,
        importance=(),
        noun="collection",
        total=total,
        is_filtered=is_filtered,
        nothing="There are no documents here yet.",
    )


def print_documents(found: Sequence[_Row], total: int, is_filtered: bool) -> None:
    """A list of documents, of which there are `total`, each with its score where it was searched for."""
    print_list(
        _DOCUMENTS,
        found,
        importance=_IMPORTANCE,
        noun="document",
        total=total,
        is_filtered=is_filtered,
        nothing="There is no document in this collection.",
    )


def print_document(document: Document) -> None:
    """One document with all its fields that are not empty, and its content."""
    formatting.print_fields(_fields(document))
    console = formatting.console()
    if document.json_text is not None:
        console.print(Text(formatting.plain(document.json_text)), soft_wrap=True)
    else:
        console.print(f"{len(document.data or b''):,} bytes; --json has them.", style="dim")


def print_synced(collection: str, done: SyncResult) -> None:
    """A list of what a sync did, and its sum."""
    by_change = {
        "created": done.created_ids,
        "updated": done.updated_ids,
        "unchanged": done.unchanged_ids,
        "deleted": done.deleted_ids,
    }
    changes = sorted((one, change) for change, ids in by_change.items() for one in ids)
    if changes:
        print_rows(_SYNCED, changes, ["Change"])
    counts = ", ".join(f"{len(ids):,} {change}" for change, ids in by_change.items() if ids)
    remark(f"collection {formatting.one_line(collection)}: {counts or 'nothing to do'}.")


def _fields(document: Document) -> Iterator[tuple[str, str | Text]]:
    yield "collection", formatting.ident(document.collection)
    yield "document", formatting.ident(document.document_id, "bold")
    yield "parent", formatting.ident("/".join(document.parent or ()))
    yield "labels", formatting.labels(document.labels)
    yield "metadata", formatting.metadata(document.metadata)
    yield "version", str(document.version)
    yield "media type", document.payload.media_type if document.payload else ""
    yield "created", formatting.moment(document.create_time)
    yield "updated", formatting.moment(document.update_time)
    yield "expires", formatting.moment(document.expire_time)
    yield "time to live", "" if document.ttl is None else _seconds(document.ttl)


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
