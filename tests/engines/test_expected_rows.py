"""How many rows PostgreSQL expects of rows that are sent as JSON: its plans depend on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.json_rows import is_one_of_few, joined_with_many
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.store import SqlStore

ROWS = PostgresDialect().json_rows({"place": sa.BigInteger(), "name": sa.Text()})


@pytest.fixture
def store(two_stores: tuple[SqlStore, SqlStore]) -> SqlStore:
    """A started store on PostgreSQL."""
    return two_stores[0]


async def expected(store: SqlStore, query: str, arguments: Sequence[Any]) -> int:
    """How many rows PostgreSQL expects of a query."""
    explained = await store._database.run_at_once(f"EXPLAIN (FORMAT JSON) {query}", arguments)
    rows: int = json.loads(explained[0][0])[0]["Plan"]["Plan Rows"]
    return rows


@pytest.mark.parametrize("number", [1, 512])
async def test_few_rows_or_many_are_expected_whatever_is_sent(store: SqlStore, number: int) -> None:
    sent = (ROWS.dump([(place, "n") for place in range(number)]),)
    plain, numbered = ROWS.table("$1::bytea", "sent"), ROWS.numbered_table("$1::bytea", "sent")
    few = f"{plain} WHERE {is_one_of_few('place')}"
    queries = {
        f"SELECT * FROM {plain}": 100,
        f"SELECT * FROM {few}": 1,
        f"SELECT * FROM {numbered} WHERE {is_one_of_few('ordinal')}": 1,
        f"SELECT few.* FROM (SELECT * FROM {few}) AS few {joined_with_many('few.place')}": 1_000,
    }
    for query, rows in queries.items():
        assert await expected(store, query, sent) == rows
        assert len(await store._database.run_at_once(query, sent)) == number
