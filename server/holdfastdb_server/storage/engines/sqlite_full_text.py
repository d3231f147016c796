"""Full text on SQLite: FTS5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.values import dump_json
from holdfastdb_server.storage.engines.full_text import FOUND, HALF, WHOLE, Words


class SqliteWordSearch:
    """Words in an FTS5 table, in which those that count WHOLE have a column of their own.

    Its tokenizer is `ascii`, to which all but ASCII is part of a word: so the spaces that we write, and
    nothing else, divide them.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        looks = " UNION ALL ".join(
            f"""SELECT kept.rowid AS row_key, wanted.key AS place, {weight} AS weight
                FROM json_each(:words_{column}) AS wanted CROSS JOIN {table} AS kept
                WHERE kept.{table} MATCH wanted.value"""
            for column, weight in (("whole", WHOLE), ("half", HALF))
        )
        text = f"""
            SELECT row_key, sum(weight) AS points, count(*) AS hits FROM (
                SELECT row_key, max(weight) AS weight FROM ({looks}) GROUP BY row_key, place
            ) GROUP BY row_key"""
        self.found = sa.text(text).columns(**FOUND).subquery("words_found")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """See WordSearch. The namespace is for the table of the rows to look at."""
        return {
            f"words_{column}": dump_json([f'{column} : "{word}" *' for word in words])
            for column in ("whole", "half")
        }

    async def write(self, connection: AsyncConnection, rows: Iterable[Words]) -> None:
        kept = [(key, dict(words)) for key, _, words in rows]
        await connection.exec_driver_sql(
            f"DELETE FROM {self._table} WHERE rowid IN (SELECT value FROM json_each(?))",
            (dump_json([key for key, _ in kept]),),
        )
        listed = [
            (key, *(_joined(words, weight) for weight in (WHOLE, HALF))) for key, words in kept if words
        ]
        if listed:
            insert = f"INSERT INTO {self._table} (rowid, whole, half) VALUES (?, ?, ?)"
            await connection.exec_driver_sql(insert, listed)


def _joined(words: Mapping[str, int], wanted: int) -> str:
    return " ".join(word for word, weight in words.items() if weight == wanted)
