"""`holdfast documents`: list collections, list the documents of one, or show a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call

if TYPE_CHECKING:
    from holdfastdb import AsyncClient, Document


def documents(
    collection: Annotated[
        str | None, typer.Argument(metavar="COLLECTION", help="List the documents of this collection.")
    ] = None,
    document: Annotated[
        str | None, typer.Argument(metavar="DOCUMENT", help="Show this document with its content.")
    ] = None,
    query: Annotated[
        str,
        typer.Option(
            "--query", metavar="WORDS", help="Only documents with one of these words; best matches first."
        ),
    ] = "",
    under: Annotated[
        str, typer.Option("--under", metavar="PATH", help="Only collections whose path begins with this.")
    ] = "",
    depth: Annotated[
        int,
        typer.Option(
            "--depth",
            min=0,
            metavar="N",
            help="Cut the paths of collections after N segments. 0: whole paths.",
        ),
    ] = 0,
    label: options.Label = None,
    metadata: options.Metadata = None,
    limit: lists.Limit = 20,
    every: lists.Every = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """List collections, list the documents of one, or show a document.

    Example: holdfast documents github/repositories --label team=support

    Exits with 1 if there is no such document or no server replies, with 2 for wrong usage.
    """
    server, at_most = Server(target, namespace, token, tls), None if every else limit
    filters = {
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    if collection is None:
        if query or any(filters.values()):
            raise typer.BadParameter("--query, --label and --metadata need a COLLECTION")
        call(server, lambda client: _list_collections(client, under, depth, at_most, as_json))
    elif document is None:
        if under or depth:
            raise typer.BadParameter("--under and --depth list collections: leave COLLECTION out")
        call(server, lambda client: _list(client, collection, query, filters, at_most, as_json))
    else:
        _show(server, collection, document, as_json)


async def _list_collections(
    client: AsyncClient, under: str, depth: int, limit: int | None, as_json: bool
) -> None:
    pager = client.documents.collections(
        under, max_depth=depth, page_size=lists.page_size(limit), include_total_size=not as_json
    )
    found, total = await lists.read(pager, limit, as_json, member="collection")
    if not as_json:
        from holdfastdb_server.cli.views.documents import print_collections

        print_collections(found, total, is_filtered=bool(under))


async def _list(
    client: AsyncClient,
    collection: str,
    query: str,
    filters: dict[str, Any],
    limit: int | None,
    as_json: bool,
) -> None:
    from holdfastdb_server.cli.views.documents import print_documents

    asked: dict[str, Any] = {
        **filters,
        "page_size": lists.page_size(limit),
        "include_total_size": not as_json,
        "omit_payload": not as_json,
    }
    rows: list[tuple[Document, float | None]]
    if query:
        matches = client.documents.search(query, collection, **asked)
        found, total = await lists.read(matches, limit, as_json)
        rows = [(match.document, match.score) for match in found]
    else:
        pager = client.documents.list(collection, **asked)
        listed, total = await lists.read(pager, limit, as_json)
        rows = [(document, None) for document in listed]
    if not as_json:
        print_documents(rows, total, is_filtered=bool(query) or any(filters.values()))


def _show(server: Server, collection: str, document: str, as_json: bool) -> None:
    found = call(server, lambda client: client.documents.get(collection, document))
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        write(found)
    else:
        from holdfastdb_server.cli.views.documents import print_document

        print_document(found)
