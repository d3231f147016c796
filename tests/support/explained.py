"""The engines' plans of the statements that a store runs."""

from __future__ import annotations

import json
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import asyncpg
import sqlalchemy as sa

from holdfastdb_server.storage.store import SqlStore


@dataclass(frozen=True, slots=True)
class Access:
    """How a plan reads the rows of one table.

    `index` is None where the table is read whole; `is_bounded` says whether the index is entered at a
    value rather than read whole. `rows` is how many rows were looked at, None where the engine does not tell.
    """

    table: str
    index: str | None
    is_bounded: bool
    rows: int | None = None


Statement = tuple[str, tuple[Any, ...]]


@contextmanager
def statements(store: SqlStore) -> Iterator[list[Statement]]:
    """Collect the statements that the store runs in the block, with their parameters."""
    seen: list[Statement] = []

    def note(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        first = parameters[0] if executemany and parameters else parameters
        if re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement):
            seen.append((statement, tuple(first or ())))

    lines = store._database._raw_connections
    fetch = lines.fetch

    async def fetch_noted(statement: str, arguments: Sequence[Any]) -> Sequence[Any]:
        seen.append((statement, tuple(arguments)))
        return await fetch(statement, arguments)

    engines = {store._database._readers.sync_engine, store._database._writer.sync_engine}
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    try:
        with mock.patch.object(lines, "fetch", fetch_noted):
            yield seen
    finally:
        for engine in engines:
            sa.event.remove(engine, "before_cursor_execute", note)


class Explainer(ABC):
    """Explains statements on one database, by statistics that are as `analyze` found them."""

    @abstractmethod
    async def analyze(self) -> None:
        """Renew the statistics."""

    @abstractmethod
    async def accesses(self, statement: Statement) -> list[Access]:
        """Return how each table is read. PostgreSQL carries a SELECT out for it."""

    @abstractmethod
    async def generic_accesses(self, statement: Statement) -> list[Access]:
        """Return the same for the plan that fits any parameters."""


@asynccontextmanager
async def explainer(url: str, *, of_small_tables: bool = False) -> AsyncIterator[Explainer]:
    """Give the explainer for the URL's engine.

    `of_small_tables`: show what PostgreSQL would do if it were dearer to read them whole. SQLite always does.
    """
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            yield SqliteExplainer(file)
        return
    # The plan for any parameters is what EXECUTE gets; what is explained with parameters is not concerned.
    settings = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": str(not of_small_tables)}
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        yield PostgresExplainer(connection)
    finally:
        await connection.close()


class SqliteExplainer(Explainer):
    """EXPLAIN QUERY PLAN."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    async def analyze(self) -> None:
        self._file.execute("ANALYZE")
        self._file.commit()

    async def accesses(self, statement: Statement) -> list[Access]:
        text, parameters = statement
        names = self._file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = {name for (name,) in names}
        lines = [row[3] for row in self._file.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
        found = [_access_of_line(line) for line in lines]
        return [access for access in found if access and access.table in tables]

    async def generic_accesses(self, statement: Statement) -> list[Access]:
        # SQLite's plans look at no parameters.
        return await self.accesses(statement)


def _access_of_line(line: str) -> Access | None:
    match = re.match(r"(SCAN|SEARCH) (\w+)(?: USING (?:COVERING )?(INDEX \w+|INTEGER PRIMARY KEY|.*))?", line)
    if match is None:
        return None
    how, alias, using = match.groups()
    # SQLAlchemy's own aliases are the name and a number.
    table = re.sub(r"_\d+$", "", alias)
    return Access(table, using.removeprefix("INDEX ") if using else None, how == "SEARCH")


class PostgresExplainer(Explainer):
    """EXPLAIN, with ANALYZE for what only reads."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def analyze(self) -> None:
        await self._connection.execute("VACUUM ANALYZE")

    async def accesses(self, statement: Statement) -> list[Access]:
        text, parameters = statement
        reads = text.lstrip().startswith(("SELECT", "WITH"))
        options = "ANALYZE, TIMING OFF, FORMAT JSON" if reads else "FORMAT JSON"
        # Undone, for one that begins with WITH may write.
        undone = self._connection.transaction()
        await undone.start()
        try:
            plan = await self._connection.fetchval(f"EXPLAIN ({options}) {text}", *parameters)
        finally:
            await undone.rollback()
        return _accesses_of(plan)

    async def generic_accesses(self, statement: Statement) -> list[Access]:
        text, parameters = statement
        await self._connection.execute(f"PREPARE explained AS {text}")
        nulls = f"({', '.join(['NULL'] * len(parameters))})" if parameters else ""
        try:
            plan = await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{nulls}")
        finally:
            await self._connection.execute("DEALLOCATE explained")
        return _accesses_of(plan)


def plan_nodes(node: dict[str, Any], table: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """All nodes of a plan, each with the table that it or one above it is about."""
    table = node.get("Relation Name", table)
    yield node, table
    for child in node.get("Plans", ()):
        yield from plan_nodes(child, table)


def rows_looked_at(node: dict[str, Any]) -> int:
    """How many rows a node of an analyzed plan read, those that it filtered out included."""
    removed = ("Rows Removed by Filter", "Rows Removed by Join Filter", "Rows Removed by Index Recheck")
    looked_at: float = node["Actual Rows"] + sum(node.get(name, 0) for name in removed)
    return round(looked_at * float(node.get("Actual Loops", 1)))


def _accesses_of(plan: str) -> list[Access]:
    accesses = []
    for node, table in plan_nodes(json.loads(plan)[0]["Plan"]):
        rows = rows_looked_at(node) if "Actual Rows" in node else None
        if node["Node Type"] == "Seq Scan":
            accesses.append(Access(table, None, False, rows))
        elif "Index Name" in node:
            accesses.append(Access(table, node["Index Name"], "Index Cond" in node, rows))
    return accesses
