"""Claiming among many tasks that have ended: what the engines look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, Executable

from holdfast_server.domain.store import Store
from holdfast_server.domain.task_moves import Claim
from holdfast_server.storage.claims import claimable
from holdfast_server.storage.schema import tasks
from holdfast_server.storage.store import SqlStore
from tests.support.content import NAMESPACE
from tests.support.tasks import add, add_ended, lease

ENDED, OPEN, LEASED = 100_000, 100, 30


@pytest.mark.slow
async def test_a_claim_looks_at_no_task_that_has_ended(store: SqlStore) -> None:
    await add_ended(store, ENDED)
    for number in range(OPEN):
        await add(store, f"open-{number}", kind=f"kind-{number % 3}", to_role=("", "coder")[number % 2])
    for number in range(LEASED):
        await lease(store, f"open-{number}")
    for wanted in (
        Claim(),
        Claim(kinds=("kind-1",)),
        Claim(kinds=("kind-1", "kind-2")),
        Claim(kinds=("kind-1",), role="coder"),
        Claim(kinds=("nothing like it",)),
    ):
        plan = await explain(store, claimable(store._database.dialect, NAMESPACE, wanted))
        assert len(plan.indexes) == 1, wanted
        assert plan.indexes <= {"tasks_claim_idx", "tasks_claim_kind_idx"}, wanted
        assert not plan.reads_whole_table, wanted
        assert plan.rows_passed_over <= OPEN, wanted
    assert await claims_until_none(store) == OPEN - LEASED


async def claims_until_none(store: Store) -> int:
    count = 0
    while await store.tasks.claim(NAMESPACE, Claim("w")) is not None:
        count += 1
    return count


class Explained(Executable, ClauseElement):
    """A statement whose plan is wanted."""

    inherit_cache = False

    def __init__(self, verb: str, statement: sa.Select[Any]) -> None:
        self.verb = verb
        self.statement = statement


@compiles(Explained)
def _compile(element: Explained, compiler: Any, **options: Any) -> str:
    return f"{element.verb} {compiler.process(element.statement, **options)}"


class Plan:
    """What an engine does for a statement."""

    def __init__(self, indexes: set[str], reads_whole_table: bool, rows_passed_over: int) -> None:
        self.indexes = indexes
        self.reads_whole_table = reads_whole_table
        self.rows_passed_over = rows_passed_over


async def explain(store: SqlStore, query: sa.Select[Any]) -> Plan:
    """Return the plan of a claim, and on PostgreSQL, which counts, how many rows it looked at in vain."""
    database = store._database
    locking = query.with_for_update(key_share=True, skip_locked=True, of=tasks)

    async def work(connection: Any) -> Plan:
        if database.dialect.name == "sqlite":
            found = await connection.execute(Explained("EXPLAIN QUERY PLAN", locking))
            lines = [str(row[3]) for row in found]
            indexes = {line.split(" INDEX ")[1].split()[0] for line in lines if " INDEX " in line}
            return Plan(indexes, any(" INDEX " not in line for line in lines), 0)
        result = await connection.execute(Explained("EXPLAIN (ANALYZE, FORMAT JSON)", locking))
        plan = result.scalar_one()
        nodes = list(_nodes(json.loads(plan) if isinstance(plan, str) else plan))
        return Plan(
            {node["Index Name"] for node in nodes if "Index Name" in node},
            any(node["Node Type"] == "Seq Scan" for node in nodes),
            sum(node.get("Rows Removed by Filter", 0) for node in nodes),
        )

    return await database.write(work)


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    match plan:
        case dict():
            if "Node Type" in plan:
                yield plan
            for value in plan.values():
                yield from _nodes(value)
        case list():
            for value in plan:
                yield from _nodes(value)
