"""`holdfast sync`: store the files of a directory as documents of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfastdb_server.cli import options
from holdfastdb_server.cli.invocation import FAILED, Server, call, complain

if TYPE_CHECKING:
    from holdfastdb import Json


def sync(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            exists=True,
            file_okay=False,
            readable=True,
            show_default=False,
            help="A directory with *.json, *.yaml and *.yml files; subdirectories are not read.",
        ),
    ],
    collection: Annotated[
        str | None,
        typer.Option("--collection", "-c", metavar="PATH", help="[default: the directory's name]"),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete documents of the collection that have no file.")
    ] = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """Store the files of a directory as documents of a collection, all or none, and print what changed.

    A document's id is the name of its file without the suffix. JSON is stored as it is in the file, YAML is
    converted to JSON.

    Example: holdfast sync config/agents --prune

    Exits with 1 if a file cannot be read (then nothing is stored) or no server replies, with 2 for wrong
    usage.
    """
    from holdfastdb._resources.directories import collection_of

    documents = _read(directory)
    name = collection or collection_of(directory)
    server = Server(target, namespace, token, tls)
    done = call(server, lambda client: client.documents.sync(name, documents, prune=prune))
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        write(done, collection=name)
    else:
        from holdfastdb_server.cli.views.documents import print_synced

        print_synced(name, done)


def _read(directory: Path) -> dict[str, object]:
    """The documents in the files. Ends the command with a line for each file that is broken."""
    from holdfastdb import InvalidArgument
    from holdfastdb._resources.directories import JSON_FILES, read_directory

    readers = {**JSON_FILES, ".yaml": _read_yaml, ".yml": _read_yaml}
    try:
        return read_directory(directory, readers)
    except InvalidArgument as error:
        for broken in error.field_violations:
            complain(f"{broken.field}: {broken.description}")
        raise typer.Exit(FAILED) from None


def _read_yaml(text: str) -> Json:
    import yaml

    from holdfastdb import InvalidArgument, Json
    from holdfastdb.types._encoding import encode_json

    try:
        value = yaml.safe_load(text)
        if value is None:
            raise ValueError("it is empty")
        return Json(encode_json(value, "it"))
    except (yaml.YAMLError, InvalidArgument) as error:
        raise ValueError(str(error)) from None
