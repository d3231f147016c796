"""Plans read together with their items, one or a page of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, ge, lt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import PlanNotFound
from holdfastdb_server.domain.plans.plan import Plan
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.plans.rows import item_of, plan_of, plan_size
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, OneOf, OwnedBy
from holdfastdb_server.storage.query.pages import Order, PageQuery, directed, fitting
from holdfastdb_server.storage.schema import plan_items, plans


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan of a page, and its place in the list."""

    key: int
    create_time: datetime
    plan: Plan


class PlanPages(PageQuery):
    """Pages of plans, with or without their items. `picked` selects keys and creation times."""

    def __init__(self, picked: sa.Select[Any], order: Order, omit_items: bool) -> None:
        size = sa.literal(0) if omit_items else plans.c.size
        super().__init__(plans, picked.add_columns(size.label("size")), order)
        self._omits_items = omit_items
        if not omit_items:
            page = self._query.subquery("page")
            ordered = directed([(page.c[column.name], descends) for column, descends in order])
            self._query = _with_items(page).order_by(*ordered, plan_items.c.position)

    async def read(
        self, connection: AsyncConnection, size: int, params: Mapping[str, Any]
    ) -> tuple[Sequence[PlanRow], bool]:
        """Return the plans of a page of at most `size`, and whether more follow."""
        rows = (await connection.execute(self._query, {"limit": size + 1, **params})).all()
        found = rows[0].found if rows else 0
        if self._omits_items:
            plans_read = [PlanRow(row.key, row.create_time, plan_of(row)) for row in rows[:size]]
            read = fitting(plans_read, lambda row: plan_size(row.plan))
        else:
            read = [PlanRow(row.key, row.create_time, plan) for row, plan in _plans_of(rows)][:size]
        return read, found > len(read)


async def read_plan(connection: AsyncConnection, namespace: str, plan_id: str) -> Plan:
    """Return a plan with its items. Raises PlanNotFound."""
    query = (
        _with_items(plans)
        .where(plans.c.namespace == namespace, plans.c.id == plan_id)
        .order_by(plan_items.c.position)
    )
    for _, plan in _plans_of((await connection.execute(query)).all()):
        return plan
    raise PlanNotFound(plan_id)


def _with_items(chosen: sa.FromClause) -> sa.Select[Any]:
    """Select plans, which have the columns of `plans`, with their items: a row for each item, or one.

    One statement, for the items must be those of the plan's version. What is the plan's own stands in the
    row of its first item alone: `_plans_of` puts it together.
    """
    is_later = plan_items.c.position > 1
    own = [
        sa.type_coerce(sa.case((is_later, sa.null()), else_=column), column.type).label(column.name)
        for column in chosen.c
        if column.name != "key"
    ]
    items = [column.label(f"item_{column.name}") for column in plan_items.c]
    joined = chosen.outerjoin(plan_items, plan_items.c.plan_key == chosen.c.key)
    return sa.select(chosen.c.key, *own, *items).select_from(joined)


def _plans_of(rows: Sequence[Any]) -> Iterator[tuple[Any, Plan]]:
    """Yield the plans in rows of `_with_items` that are ordered by plan and position, each with its row."""
    for _, group in groupby(rows, attrgetter("key")):
        together = list(group)
        first = together[0]
        items = [] if first.item_id is None else [item_of(row) for row in together]
        yield first, plan_of(first, items)


def plan_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of a PlanFilter stand for."""
    return Conditions(
        dialect,
        {
            "statuses": OneOf(plans.c.status),
            "session_id": OwnedBy(plans),
            "labels": HasMembers(plans.c.labels),
            "metadata": HasMembers(plans.c.metadata),
            "created_from": Compares(plans.c.create_time, ge),
            "created_until": Compares(plans.c.create_time, lt),
        },
    )
