"""Estimates of the bytes that a row takes on the wire, by which pages are bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfastdb_server.domain.values import dump_json, utf8_size

OVERHEAD = 200
"""About how many bytes short ids, times and tags take on the wire."""


def searchable_size(value: Mapping[str, Any]) -> int:
    """Return at least how many bytes labels or metadata take on the wire, where a number has nine."""
    if not value:
        return 0
    text = dump_json(value)
    return utf8_size(text) + 10 * sum(map(text.count, ",:[{"))
