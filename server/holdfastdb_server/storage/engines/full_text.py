"""The search for words: which rows hold words that begin as those of a query, and how well they match.

Each engine's own full-text index does it: tsvector with GIN, and FTS5. Neither splits or folds texts for us,
for in that they do not agree: they get words as domain/search.py makes them, and take them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

WHOLE, HALF = 2, 1
"""What a word that is found counts."""

Words = tuple[int, str, Iterable[tuple[str, int]]]
"""The words of one row: its key, its namespace, and each word with what it counts."""

FOUND: Mapping[str, Any] = {
    "row_key": sa.BigInteger(),
    "points": sa.BigInteger(),
    "hits": sa.BigInteger(),
}


class WordSearch(Protocol):
    """The words of one table's rows.

    `found` is a subquery of the rows that hold at least one of the words: `row_key`, `points` (the sum of
    what the words that were found count, at most WHOLE each) and `hits` (how many were found).
    """

    found: sa.Subquery

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """Return the parameters that make `found` look for these words."""
        ...

    async def write(self, connection: AsyncConnection, rows: Iterable[Words]) -> None:
        """Keep the words of rows in place of those they had."""
        ...
