"""Which indexes the engines use for the statements that a store runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from holdfast_server.storage.store import SqlStore


class Statements:
    """The SELECTs that a store has run, to be explained on the same database.

    With `of` only those that have this text in them: a store's own chores may come in between at any time.
    """

    def __init__(self, store: SqlStore, of: str = "") -> None:
        self._database = store._database
        self._of = of
        self._seen: list[tuple[str, Any]] = []

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Note the SELECTs of the block."""
        engine = self._database._readers.sync_engine

        def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
            if statement.lstrip().startswith(("SELECT", "WITH")) and self._of in statement:
                self._seen.append((statement, parameters))

        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)

    async def indexes(self) -> set[str]:
        """Return the indexes that the plans of the last recorded statement name."""
        statement, parameters = self._seen[-1]
        if self._database.dialect.name == "sqlite":
            return await self._sqlite(statement, parameters)
        return await self._postgresql(statement, parameters)

    async def _sqlite(self, statement: str, parameters: Any) -> set[str]:
        found = await self._database.read(
            lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        )
        words = [str(row.detail).split() for row in found]
        return {line[line.index("INDEX") + 1] for line in words if "INDEX" in line and "USING" in line}

    async def _postgresql(self, statement: str, parameters: Any) -> set[str]:
        async def explain(connection: Any) -> str:
            await connection.exec_driver_sql("ANALYZE")
            # Tables of tests are so small that reading them whole is cheaper.
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            result = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            text: str = result.scalar_one()
            return text

        plan = await self._database.write(explain)
        return set(_names(json.loads(plan) if isinstance(plan, str) else plan))


def _names(plan: Any) -> Iterator[str]:
    match plan:
        case dict():
            if "Index Name" in plan:
                yield plan["Index Name"]
            for value in plan.values():
                yield from _names(value)
        case list():
            for value in plan:
                yield from _names(value)
