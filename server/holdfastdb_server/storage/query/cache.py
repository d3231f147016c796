"""Queries that are built once a shape."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Q = TypeVar("Q")

# More shapes than a caller has in use: one that is built again costs a few milliseconds.
_CACHED = 512


class Queries(Generic[Q]):
    """Queries by their shape, all that decides their text: to build one takes longer than to run it.

    A shape has no values that callers choose freely, such as ids: those are bind parameters.
    """

    def __init__(self) -> None:
        self._queries: dict[Hashable, Q] = {}

    def get(self, shape: Hashable, build: Callable[[], Q]) -> Q:
        """Return the query for a shape, built if it is not known."""
        query = self._queries.get(shape)
        if query is None:
            if len(self._queries) >= _CACHED:
                self._queries.clear()
            query = self._queries[shape] = build()
        return query
