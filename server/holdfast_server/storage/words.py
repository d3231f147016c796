"""The search for words: which rows hold words that begin as those of a query, and how well they match.

Words lie in a table of their own, `schema/words.py`, whose index finds them by their beginning. So a
word is the same on every engine, which their own text searches would not agree on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast_server.storage.dialect import Dialect, InlineRows
from holdfast_server.storage.filters import after_prefix

WHOLE, HALF = 2, 1
"""What a word that is found counts."""


class WordSearch:
    """The words of one table's rows.

    `found` is a subquery of the rows that hold at least one of the words: `row_key`, `points` (the sum of
    what the words that were found count, at most WHOLE each) and `hits` (how many were found).
    """

    def __init__(self, dialect: Dialect, table: sa.Table) -> None:
        self._dialect = dialect
        self._table = table
        self._wanted = InlineRows(
            dialect, "w", {"place": sa.BigInteger(), "low": sa.Text(), "high": sa.Text()}
        )
        wanted = self._wanted.c
        each = (
            sa.select(table.c.row_key, sa.func.max(table.c.weight).label("weight"))
            .select_from(self._wanted.table)
            .join(table, sa.and_(table.c.word >= wanted.low, table.c.word < wanted.high))
            .where(table.c.namespace == sa.bindparam("words_namespace", type_=sa.Text))
            .group_by(table.c.row_key, wanted.place)
            .subquery("each_word")
        )
        points = sa.cast(sa.func.sum(each.c.weight), sa.BigInteger)
        self.found = (
            sa.select(each.c.row_key, points.label("points"), sa.func.count().label("hits"))
            .group_by(each.c.row_key)
            .subquery("words_found")
        )

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """Return the parameters that make `found` look for these words."""
        rows = [(place, word, after_prefix(word)) for place, word in enumerate(words)]
        return {"words_namespace": namespace, **self._wanted.params(rows)}

    async def write(
        self, connection: AsyncConnection, rows: Iterable[tuple[int, str, Iterable[tuple[str, int]]]]
    ) -> None:
        """Keep the words of rows: (key, namespace, (word, weight)), in place of those they had."""
        kept = list(rows)
        await connection.execute(
            self._table.delete().where(self._table.c.row_key.in_([key for key, _, _ in kept]))
        )
        listed = [(key, word, namespace, weight) for key, namespace, each in kept for word, weight in each]
        if listed:
            await self._dialect.insert_rows(connection, self._table, listed)


def score(points: int, words: Sequence[str]) -> float:
    """Return the share of the words that were found, from 0 to 1."""
    return points / (WHOLE * len(words))

