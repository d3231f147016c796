"""Full text on PostgreSQL: tsvector with GIN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.values import utf8_size
from holdfastdb_server.storage.engines.full_text import (
    FULL_WEIGHT,
    HALF_WEIGHT,
    MATCH_COLUMNS,
    WeightedWords,
)

# PostgreSQL allows 1 MiB for a tsvector, which the words of a large document exceed.
_PART_BYTES = 512 * 1024


class PostgresFullText:
    """Words as tsvectors without positions. Those of FULL_WEIGHT have PostgreSQL's weight A."""

    def __init__(self, table: str) -> None:
        self._table = table
        text = f"""
            SELECT row_key, CAST(sum(weight) AS bigint) AS weight, count(*) AS word_count FROM (
                SELECT indexed.row_key, query.word_index,
                    max(CASE WHEN indexed.words @@ query.full_weight
                        THEN {FULL_WEIGHT} ELSE {HALF_WEIGHT} END) AS weight
                FROM {table} AS indexed JOIN unnest(
                    CAST(CAST(:query_full_weight AS text[]) AS tsquery[]),
                    CAST(CAST(:query_any_weight AS text[]) AS tsquery[])
                ) WITH ORDINALITY AS query (full_weight, any_weight, word_index)
                    ON indexed.words @@ query.any_weight
                WHERE indexed.namespace = :query_namespace
                    AND indexed.words @@ CAST(CAST(:query_any_word AS text) AS tsquery)
                GROUP BY indexed.row_key, query.word_index
            ) AS matched_words GROUP BY row_key"""
        self.matches = sa.text(text).columns(**MATCH_COLUMNS).subquery("full_text_matches")

    def params(self, namespace: str, words: Sequence[str]) -> dict[str, Any]:
        prefixes = [f"'{word}':*" for word in words]
        return {
            "query_namespace": namespace,
            "query_full_weight": [f"{prefix}A" for prefix in prefixes],
            "query_any_weight": prefixes,
            "query_any_word": " | ".join(prefixes),
        }

    async def write(self, connection: AsyncConnection, rows: Iterable[WeightedWords]) -> None:
        """Replace the words of rows. A row with too many words for one tsvector gets several."""
        replaced = list(rows)
        delete = sa.text(f"DELETE FROM {self._table} WHERE row_key = ANY(CAST(:keys AS bigint[]))")
        await connection.execute(delete, {"keys": [key for key, _, _ in replaced]})
        parts = [
            (key, number, namespace, " ".join(part))
            for key, namespace, words in replaced
            for number, part in enumerate(_parts(words))
        ]
        if parts:
            insert = (
                f"INSERT INTO {self._table} (row_key, part, namespace, words)"
                " SELECT row_key, part, namespace, CAST(words AS tsvector) FROM unnest("
                "$1::bigint[], $2::smallint[], $3::text[], $4::text[]) AS _ (row_key, part, namespace, words)"
            )
            columns = tuple(map(list, zip(*parts, strict=True)))
            await connection.exec_driver_sql(insert, columns)


def _parts(words: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Divide words, written as a tsvector's, into parts of about _PART_BYTES."""
    part: list[str] = []
    size = 0
    for word, weight in words:
        if size > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(f"'{word}':1{'A' if weight == FULL_WEIGHT else ''}")
        size += utf8_size(word) + 8
    if part:
        yield part
