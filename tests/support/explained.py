"""What the engines say of how they carry out the statements that a store really runs."""

from __future__ import annotations

import json
import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Access:
    """How a plan gets at the rows of one table.

    `index` is None where the table is read whole; `is_bounded` says whether the index is entered at a
    value rather than read whole. `rows` is how many rows were looked at, None where the engine does not tell.
    """

    table: str
    index: str | None
    is_bounded: bool
    rows: int | None = None


Statement = tuple[str, tuple[Any, ...]]


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Collect the statements that any store runs in the block, with their parameters."""
    seen: list[Statement] = []

    def note(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        first = parameters[0] if executemany and parameters else parameters
        if re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement):
            seen.append((statement, tuple(first or ())))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


class Explainer(ABC):
    """Explains statements on the database of a URL, with statistics as they are."""

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    async def analyze(self) -> None:
        """Renew the statistics."""

    @abstractmethod
    async def accesses(self, statement: Statement) -> list[Access]:
        """Return how each table is got at. A SELECT is carried out for it."""


def explainer(url: str) -> Explainer:
    """Return the explainer for the URL's engine."""
    return SqliteExplainer(url) if url.startswith("sqlite") else PostgresExplainer(url)


class SqliteExplainer(Explainer):
    """EXPLAIN QUERY PLAN."""

    async def analyze(self) -> None:
        with closing(sqlite3.connect(self._path)) as file:
            file.execute("ANALYZE")
            file.commit()

    async def accesses(self, statement: Statement) -> list[Access]:
        text, parameters = statement
        with closing(sqlite3.connect(self._path)) as file:
            tables = {name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            lines = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
        found = [_access_of_line(line) for line in lines]
        return [access for access in found if access and access.table in tables]

    @property
    def _path(self) -> str:
        return self.url.removeprefix("sqlite:///")


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

    async def analyze(self) -> None:
        connection = await asyncpg.connect(self.url)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()

    async def accesses(self, statement: Statement) -> list[Access]:
        text, parameters = statement
        reads = text.lstrip().startswith(("SELECT", "WITH")) and "FOR " not in text
        options = "ANALYZE, TIMING OFF, FORMAT JSON" if reads else "FORMAT JSON"
        connection = await asyncpg.connect(self.url)
        try:
            plan = await connection.fetchval(f"EXPLAIN ({options}) {text}", *parameters)
        finally:
            await connection.close()
        return list(_accesses_of_node(json.loads(plan)[0]["Plan"]))

    async def generic_accesses(self, statement: Statement) -> list[Access]:
        """Return the same for the plan that fits any parameters, which a prepared statement gets in time."""
        text, parameters = statement
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE explained AS {text}")
            nulls = f"({', '.join(['NULL'] * len(parameters))})" if parameters else ""
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{nulls}")
        finally:
            await connection.close()
        return list(_accesses_of_node(json.loads(plan)[0]["Plan"]))


def _accesses_of_node(node: dict[str, Any], table: str = "") -> Iterator[Access]:
    table = node.get("Relation Name", table)
    kind = node["Node Type"]
    rows = None
    if "Actual Rows" in node:
        looked_at = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        rows = round(looked_at * node.get("Actual Loops", 1))
    if kind == "Seq Scan":
        yield Access(table, None, False, rows)
    elif "Index Name" in node:
        yield Access(table, node["Index Name"], "Index Cond" in node, rows)
    for child in node.get("Plans", ()):
        yield from _accesses_of_node(child, table)
