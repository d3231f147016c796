"""Plans in SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import PlanNotFound
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.plans.changes import ItemChange, PlanChange
from holdfastdb_server.domain.plans.plan import Plan, PlanDraft, PlanFilter, check_plan_size
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.plans.pages import PlanPages, plan_conditions, read_plan
from holdfastdb_server.storage.plans.rows import item_row, plan_size, plan_values
from holdfastdb_server.storage.query.lists import TimeList
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.schema import plan_items, plans
from holdfastdb_server.storage.write_path.owned import lock_owned
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer

_REPLACE = "ON CONFLICT (plan_key, id) DO UPDATE SET " + ", ".join(
    f"{column.name} = excluded.{column.name}" for column in plan_items.c if not column.primary_key
)


class SqlPlans:
    """Carries out the port PlanStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
    ) -> None:
        self._database = database
        self._writer = writer
        self._resource = Resource(database.dialect, plans, PlanNotFound, plans.c.create_fingerprint)
        self._list = TimeList(
            plans, plans.c.create_time, plan_conditions(database.dialect), make_pages=PlanPages
        )

    async def create(self, namespace: str, draft: PlanDraft) -> Plan:
        fingerprint = draft.fingerprint()

        async def work(transaction: Transaction) -> Plan:
            connection = transaction.connection
            session = await transaction.lock_owner(namespace, draft.session_id)
            plan = draft.made(transaction.now)
            check_plan_size(plan_size(plan))
            row, is_new = await self._resource.create_or_find(
                connection,
                {
                    "namespace": namespace,
                    "id": plan.plan_id,
                    "session_key": None if session is None else session.key,
                    "session_id": plan.session_id or None,
                    "create_fingerprint": fingerprint,
                    "create_time": plan.create_time,
                    **plan_values(plan),
                },
            )
            if not is_new:
                return await read_plan(connection, namespace, plan.plan_id)
            await self._write_items(connection, row.key, namespace, None, plan)
            if session is not None:
                transaction.append(session, plan.events(None))
            return plan

        return await self._writer.run(work)

    async def get(self, namespace: str, plan_id: str) -> Plan:
        return await self._database.read(lambda connection: read_plan(connection, namespace, plan_id))

    async def list(
        self, namespace: str, where: PlanFilter, page: PageRequest, *, omit_items: bool = False
    ) -> Page[Plan]:
        listed = await self._database.read(
            lambda connection: self._list.read(connection, namespace, where, page, omit_payload=omit_items)
        )
        return Page([row.plan for row in listed.rows], listed.next, listed.total)

    async def update(
        self,
        namespace: str,
        plan_id: str,
        change: PlanChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Plan:
        fingerprint = fingerprint_of("update plan", plan_id, expected_version, change)
        return await self._change(
            namespace, plan_id, change.apply, change.actor, request_id, fingerprint, expected_version
        )

    async def update_item(
        self,
        namespace: str,
        plan_id: str,
        change: ItemChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Plan:

        def revise(plan: Plan, now: datetime) -> Plan:
            return change.apply(plan, now, expected_version)

        fingerprint = fingerprint_of("update plan item", plan_id, expected_version, change)
        return await self._change(namespace, plan_id, revise, change.actor, request_id, fingerprint)

    async def _change(
        self,
        namespace: str,
        plan_id: str,
        revise: Callable[[Plan, datetime], Plan],
        actor: str,
        request_id: str,
        fingerprint: bytes,
        expected_version: int | None = None,
    ) -> Plan:
        """Lock the plan, and write what differs in what `revise` returns."""
        request = RequestName(namespace, request_id)

        async def work(transaction: Transaction) -> Plan:
            connection = transaction.connection
            row, session = await lock_owned(transaction, self._resource, namespace, plan_id)
            before = await read_plan(connection, namespace, plan_id)
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return before
            self._resource.check_version(row, expected_version)
            after = revise(before, transaction.now)
            transaction.requests.complete(request, replies.DONE)
            if after is before:
                return before
            check_plan_size(plan_size(after))
            await connection.execute(plans.update().where(plans.c.key == row.key).values(plan_values(after)))
            await self._write_items(connection, row.key, namespace, before, after)
            if session is not None:
                transaction.append(session, after.events(before, actor))
            return after

        return await self._writer.run(work)

    async def _write_items(
        self, connection: AsyncConnection, key: int, namespace: str, before: Plan | None, after: Plan
    ) -> None:
        """Write the items that are new, changed or moved, and delete those that were removed."""
        were = {} if before is None else {item.item_id: place for place, item in enumerate(before.items)}
        gone = were.keys() - {item.item_id for item in after.items}
        if gone:
            await connection.execute(
                plan_items.delete().where(plan_items.c.plan_key == key, plan_items.c.id.in_(gone))
            )
        changed = [
            item_row(key, namespace, place + 1, item)
            for place, item in enumerate(after.items)
            if before is None or were.get(item.item_id) != place or before.items[place] != item
        ]
        if changed:
            await self._database.dialect.insert_rows(connection, plan_items, changed, _REPLACE)

    async def delete(self, namespace: str, plan_id: str, expected_version: int | None = None) -> None:

        async def work(connection: AsyncConnection) -> None:
            row = await self._resource.require(connection, namespace, plan_id, for_update=True)
            self._resource.check_version(row, expected_version)
            await connection.execute(plans.delete().where(plans.c.key == row.key))

        await self._database.write(work)
