"""Full-text search: which rows have words that begin with those of a query, and how well they match.

Each engine uses its own full-text index: tsvector with GIN, and FTS5. Their tokenizers differ, so neither is
used: the words come from domain/search.py, and are indexed as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

FULL_WEIGHT, HALF_WEIGHT = 2, 1
"""The weights that a word of a row can have."""

WeightedWords = tuple[int, str, Iterable[tuple[str, int]]]
"""The words of one row: the row's key, its namespace, and each word with its weight."""

MATCH_COLUMNS: Mapping[str, Any] = {
    "row_key": sa.BigInteger(),
    "weight": sa.BigInteger(),
    "word_count": sa.BigInteger(),
}


class FullText(Protocol):
    """The full-text index of one table.

    `matches` is a subquery of the rows that have at least one word of the query: `row_key`, `weight` (the sum
    of the weights of the query's words that the row has, each at most FULL_WEIGHT) and `word_count` (how many
    of the query's words it has).
    """

    matches: sa.Subquery

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """Return the parameters of `matches` for a query of these words."""
        ...

    async def write(self, connection: AsyncConnection, rows: Iterable[WeightedWords]) -> None:
        """Replace the words of rows in the index."""
        ...
