"""Queries that are built once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Q = TypeVar("Q")

_CACHED = 512


class Queries(Generic[Q]):
    """Queries by what they filter: to build one takes longer than to run it."""

    def __init__(self) -> None:
        self._queries: dict[str, Q] = {}

    def get(self, shape: object, build: Callable[[], Q]) -> Q:
        """Return the query for a shape, built if it is not known. Shapes are told apart by their repr."""
        key = repr(shape)
        if key not in self._queries:
            if len(self._queries) >= _CACHED:
                self._queries.clear()
            self._queries[key] = build()
        return self._queries[key]
