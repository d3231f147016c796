"""Plans read together with their items, one or a page of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import PlanNotFound
from holdfastdb_server.domain.plans.plan import Plan, PlanFilter
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.plans.rows import item_of, plan_of, plan_size
from holdfastdb_server.storage.query.filters import owned_by
from holdfastdb_server.storage.query.pages import PageQuery, fitting
from holdfastdb_server.storage.schema import plan_items, plans


class PlanPageQuery(PageQuery):
    """A page of plans, with or without their items. `picked` selects keys and creation times."""

    def __init__(self, picked: sa.Select[Any], descending: bool, *, omit_items: bool) -> None:
        size = sa.literal(0) if omit_items else plans.c.size
        order = [(plans.c.create_time, descending), (plans.c.key, descending)]
        super().__init__(plans, picked.add_columns(size.label("size")), order)
        self._omits_items = omit_items
        if not omit_items:
            page = self._query.subquery("page")
            ordered = [
                page.c[column.name].desc() if descending else page.c[column.name] for column, _ in order
            ]
            self._query = _with_items(page).order_by(*ordered, plan_items.c.position)

    async def read(
        self, connection: AsyncConnection, size: int, params: Mapping[str, Any]
    ) -> tuple[Sequence[tuple[Any, Plan]], bool]:
        """Return the plans of a page of at most `size`, each with its row, and whether more follow."""
        rows = (await connection.execute(self._query, {"limit": size + 1, **params})).all()
        found = rows[0].found if rows else 0
        if self._omits_items:
            read = [(row, plan_of(row)) for row in rows[:size]]
            read = list(fitting(read, lambda each: plan_size(each[1])))
        else:
            read = list(_plans_of(rows))[:size]
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


def plan_conditions(dialect: Dialect, namespace: str, where: PlanFilter) -> Sequence[sa.ColumnElement[bool]]:
    """Return the conditions that a plan must meet, all of them."""
    conditions = [plans.c.namespace == namespace]
    if where.statuses:
        conditions.append(plans.c.status.in_(sorted(set(where.statuses))))
    if where.session_id:
        conditions.append(owned_by(plans, namespace, where.session_id))
    for column, wanted in ((plans.c.labels, where.labels), (plans.c.metadata, where.metadata)):
        if wanted:
            conditions.append(dialect.contains(column, wanted))
    if where.created_from is not None:
        conditions.append(plans.c.create_time >= where.created_from)
    if where.created_until is not None:
        conditions.append(plans.c.create_time < where.created_until)
    return conditions
