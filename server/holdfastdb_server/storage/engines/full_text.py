"""The search for words: which rows hold words that begin as those of a query, and how well they match.

Each engine's own full-text index does it: tsvector with GIN, and FTS5. Neither splits or folds texts for us,
for in that they do not agree: they get words as domain/search.py makes them, and take them as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.values import dump_json, utf8_size

WHOLE, HALF = 2, 1
"""What a word that is found counts."""

Words = tuple[int, str, Iterable[tuple[str, int]]]
"""The words of one row: its key, its namespace, and each word with what it counts."""

_FOUND: Mapping[str, Any] = {
    "row_key": sa.BigInteger(),
    "points": sa.BigInteger(),
    "hits": sa.BigInteger(),
}
# A tsvector may have a mebibyte, a document more words than that.
_PART_BYTES = 512 * 1024


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


class PostgresWordSearch:
    """Words as tsvectors without positions, in which those that count WHOLE have the weight A."""

    def __init__(self, table: str) -> None:
        self._table = table
        text = f"""
            SELECT row_key, CAST(sum(weight) AS bigint) AS points, count(*) AS hits FROM (
                SELECT kept.row_key, wanted.place,
                    max(CASE WHEN kept.words @@ wanted.whole THEN {WHOLE} ELSE {HALF} END) AS weight
                FROM {table} AS kept JOIN unnest(
                    CAST(CAST(:words_whole AS text[]) AS tsquery[]),
                    CAST(CAST(:words_anywhere AS text[]) AS tsquery[])
                ) WITH ORDINALITY AS wanted (whole, anywhere, place) ON kept.words @@ wanted.anywhere
                WHERE kept.namespace = :words_namespace
                    AND kept.words @@ CAST(CAST(:words_any AS text) AS tsquery)
                GROUP BY kept.row_key, wanted.place
            ) AS each_word GROUP BY row_key"""
        self.found = sa.text(text).columns(**_FOUND).subquery("words_found")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """See WordSearch."""
        anywhere = [f"'{word}':*" for word in words]
        return {
            "words_namespace": namespace,
            "words_whole": [f"{word}A" for word in anywhere],
            "words_anywhere": anywhere,
            "words_any": " | ".join(anywhere),
        }

    async def write(self, connection: AsyncConnection, rows: Iterable[Words]) -> None:
        """See WordSearch. Where a row has too many words for one tsvector, it has several."""
        kept = list(rows)
        delete = sa.text(f"DELETE FROM {self._table} WHERE row_key = ANY(CAST(:keys AS bigint[]))")
        await connection.execute(delete, {"keys": [key for key, _, _ in kept]})
        listed = [
            (key, number, namespace, " ".join(part))
            for key, namespace, words in kept
            for number, part in enumerate(_parts(words))
        ]
        if listed:
            insert = (
                f"INSERT INTO {self._table} (row_key, part, namespace, words)"
                " SELECT row_key, part, namespace, CAST(words AS tsvector) FROM unnest("
                "$1::bigint[], $2::smallint[], $3::text[], $4::text[]) AS _ (row_key, part, namespace, words)"
            )
            columns = tuple(map(list, zip(*listed, strict=True)))
            await connection.exec_driver_sql(insert, columns)


def _parts(words: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for word, weight in words:
        if size > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(f"'{word}':1{'A' if weight == WHOLE else ''}")
        size += utf8_size(word) + 8
    if part:
        yield part


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
        self.found = sa.text(text).columns(**_FOUND).subquery("words_found")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        """See WordSearch. The namespace is for the table of the rows to look at."""
        return {
            f"words_{column}": dump_json([f'{column} : "{word}" *' for word in words])
            for column in ("whole", "half")
        }

    async def write(self, connection: AsyncConnection, rows: Iterable[Words]) -> None:
        """See WordSearch."""
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


def score(points: int, words: Sequence[str]) -> float:
    """Return the share of the words that were found, from 0 to 1."""
    return points / (WHOLE * len(words))
