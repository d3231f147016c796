"""Documents as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from holdfastdb import Document, SyncResult
from holdfastdb_server.cli.transcripts.lines import plain_numbers
from holdfastdb_server.cli.views import as_json, formatting

_CHANGES = {"created": "bold green", "updated": "yellow", "unchanged": "dim", "deleted": "bold red"}


def print_collections(found: Sequence[str], total: int, is_filtered: bool) -> None:
    """The paths of collections, of which there are `total`."""
    console = formatting.console()
    if not found:
        console.print("No collection is like that." if is_filtered else "There are no documents here yet.")
        return
    for path in found:
        console.print(Text(formatting.one_line(path), style="bold"))
    _print_count(len(found), total, "collection")


def print_documents(found: Sequence[tuple[Document, float | None]], total: int, is_filtered: bool) -> None:
    """A table of documents, of which there are `total`, each with its score where it was searched for."""
    console = formatting.console()
    if not found:
        console.print(
            "No document is like that." if is_filtered else "There is no document in this collection."
        )
        return
    columns: list[tuple[str, list[Text]]] = [
        ("Document", [Text(one.document_id, style="bold") for one, _ in found]),
        ("Score", [Text("" if score is None else f"{score:.0%}") for _, score in found]),
        ("Version", [Text(str(one.version)) for one, _ in found]),
        ("Parent", [Text("/".join(one.parent or ())) for one, _ in found]),
        ("Labels", [Text(formatting.one_line(" ".join(_labels(one)))) for one, _ in found]),
        ("Updated", [Text(formatting.ago(one.update_time), style="dim") for one, _ in found]),
        ("Expires", [Text(formatting.ago(one.expire_time) if one.expire_time else "") for one, _ in found]),
    ]
    columns = [(name, cells) for name, cells in columns if any(cell.plain for cell in cells)]
    table = _table()
    for name, _ in columns:
        is_id = name == "Document"
        # An id is for copying, so it is shown whole.
        table.add_column(name, overflow="fold" if is_id else "ellipsis", no_wrap=not is_id)
    for cells in zip(*(cells for _, cells in columns), strict=True):
        table.add_row(*cells)
    console.print(table)
    _print_count(len(found), total, "document")


def print_document(document: Document) -> None:
    """One document with all its fields that are not empty, and its content."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _fields(document):
        if text:
            grid.add_row(name, Text(formatting.plain(text)))
    console = formatting.console()
    console.print(grid)
    if document.json_text is not None:
        console.print(Text(formatting.plain(document.json_text)), soft_wrap=True)
    else:
        console.print(f"{len(document.data or b''):,} bytes; --json has them.", style="dim")


def print_synced(collection: str, done: SyncResult) -> None:
    """A table of what a sync did, and its sum."""
    by_change = {
        "created": done.created_ids,
        "updated": done.updated_ids,
        "unchanged": done.unchanged_ids,
        "deleted": done.deleted_ids,
    }
    table = _table()
    table.add_column("Document", overflow="fold")
    table.add_column("Change", no_wrap=True)
    changes = sorted((one, change) for change, ids in by_change.items() for one in ids)
    for document_id, change in changes:
        table.add_row(Text(document_id, style="bold"), Text(change, style=_CHANGES[change]))
    console = formatting.console()
    if changes:
        console.print(table)
    counts = ", ".join(f"{len(ids):,} {change}" for change, ids in by_change.items() if ids)
    summary = f"collection {formatting.one_line(collection)}: {counts or 'nothing to do'}."
    console.print(Text(summary, style="dim"))


def _fields(document: Document) -> Iterator[tuple[str, str]]:
    yield "collection", document.collection
    yield "document", document.document_id
    yield "parent", "/".join(document.parent or ())
    yield "labels", "\n".join(_labels(document))
    yield "metadata", as_json.dump(plain_numbers(dict(document.metadata))) if document.metadata else ""
    yield "version", str(document.version)
    yield "media type", document.payload.media_type if document.payload else ""
    for name, time in (
        ("created", document.create_time),
        ("updated", document.update_time),
        ("expires", document.expire_time),
    ):
        yield name, f"{formatting.local(time)}  {formatting.ago(time)}" if time is not None else ""
    yield "time to live", "" if document.ttl is None else _seconds(document.ttl)


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"


def _labels(document: Document) -> list[str]:
    return [f"{key}={value}" for key, value in sorted(document.labels.items())]


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")


def _print_count(shown: int, total: int, noun: str) -> None:
    console = formatting.console()
    if total > shown:
        console.print(f"{shown:,} of {total:,} {noun}s; --limit or --all shows more.", style="dim")
    else:
        console.print(f"{shown:,} {noun}{'s' if shown > 1 else ''}.", style="dim")
