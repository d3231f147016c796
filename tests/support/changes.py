"""What an update mask, or its absence, makes of the fields in a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from holdfastdb_server.domain.changes import MERGED_FIELDS


def mask_of(fields: Mapping[str, Any], replaced: Collection[str] | None) -> tuple[frozenset[str], bool]:
    """Return which fields are replaced, and whether labels and metadata are merged: without a mask."""
    if replaced is not None:
        return frozenset(replaced), False
    return frozenset(name for name, value in fields.items() if value) - MERGED_FIELDS, True
