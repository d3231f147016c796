"""Full text on SQLite: FTS5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.values import dump_json
from holdfastdb_server.storage.engines.full_text import (
    FULL_WEIGHT,
    HALF_WEIGHT,
    MATCH_COLUMNS,
    WeightedWords,
)

_WEIGHTS = {"full_weight": FULL_WEIGHT, "half_weight": HALF_WEIGHT}
"""The columns of an index, one for the words of each weight."""


class SqliteFullText:
    """Words in an FTS5 table.

    Its tokenizer is `ascii`, which takes every character that is not ASCII for a part of a word: so only the
    spaces that `write` puts between words separate them.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        matched_words = " UNION ALL ".join(
            f"""SELECT indexed.rowid AS row_key, query.key AS word_index, {weight} AS weight
                FROM json_each(:query_{column}) AS query CROSS JOIN {table} AS indexed
                WHERE indexed.{table} MATCH query.value"""
            for column, weight in _WEIGHTS.items()
        )
        text = f"""
            SELECT row_key, sum(weight) AS weight, count(*) AS word_count FROM (
                SELECT row_key, max(weight) AS weight FROM ({matched_words}) GROUP BY row_key, word_index
            ) GROUP BY row_key"""
        self.matches = sa.text(text).columns(**MATCH_COLUMNS).subquery("full_text_matches")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """Return the parameters. The index knows no namespaces: those are checked in the table itself."""
        return {
            f"query_{column}": dump_json([f'{column} : "{word}" *' for word in words]) for column in _WEIGHTS
        }

    async def write(self, connection: AsyncConnection, rows: Iterable[WeightedWords]) -> None:
        replaced = [(key, dict(words)) for key, _, words in rows]
        await connection.exec_driver_sql(
            f"DELETE FROM {self._table} WHERE rowid IN (SELECT value FROM json_each(?))",
            (dump_json([key for key, _ in replaced]),),
        )
        inserted = [
            (key, *(_joined(words, weight) for weight in _WEIGHTS.values()))
            for key, words in replaced
            if words
        ]
        if inserted:
            insert = f"INSERT INTO {self._table} (rowid, {', '.join(_WEIGHTS)}) VALUES (?, ?, ?)"
            await connection.exec_driver_sql(insert, inserted)


def _joined(words: Mapping[str, int], weight: int) -> str:
    return " ".join(word for word, its_weight in words.items() if its_weight == weight)
