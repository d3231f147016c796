"""Full text on PostgreSQL: tsvector with GIN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.values import utf8_size
from holdfastdb_server.storage.engines.full_text import FOUND, HALF, WHOLE, Words

# A tsvector may have a mebibyte, a document more words than that.
_PART_BYTES = 512 * 1024


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
        self.found = sa.text(text).columns(**FOUND).subquery("words_found")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
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
