"""Directories of files that become documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from holdfastdb.errors import FieldViolation, InvalidArgument, Reason
from holdfastdb.types.payloads import Json

Reader = Callable[[str], object]
"""Makes a file's text a value. Raises ValueError if it cannot be one."""


def read_json(text: str) -> Json:
    """The text as it is, once it is known to be JSON."""
    json.loads(text, parse_constant=_refuse_constant)
    return Json(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def collection_of(directory: Path) -> str:
    """The collection that a directory is synchronized to by default: the name of the directory."""
    return directory.resolve().name


JSON_FILES: Mapping[str, Reader] = {".json": read_json}


def read_directory(directory: Path, readers: Mapping[str, Reader] = JSON_FILES) -> dict[str, object]:
    """The values in the files that have one of the readers' suffixes, by the files' names without it.

    Hidden files, other files and subdirectories are passed over. Raises InvalidArgument with a violation for
    each file that cannot be read, and OSError if there is no such directory.
    """
    found: dict[str, object] = {}
    broken: list[FieldViolation] = []
    for path in sorted(directory.iterdir()):
        reader = readers.get(path.suffix)
        if reader is None or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            broken.append(FieldViolation(str(path), f"another file is document {path.stem!r} too"))
        try:
            found[path.stem] = reader(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            broken.append(FieldViolation(str(path), str(error)))
    if broken:
        files = "; ".join(f"{one.field}: {one.description}" for one in broken)
        raise InvalidArgument(files, reason=Reason.INVALID_FIELD, field_violations=broken)
    return found
