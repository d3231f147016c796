"""Claims: choosing and leasing a task, and waiting until there is one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Hashable, Iterator
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import Overloaded
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.tasks.moves import Claim, Lease
from holdfastdb_server.domain.tasks.task import TaskStatus
from holdfastdb_server.domain.values import dump_json
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.options import StorageOptions
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import NAMESPACE, Shape
from holdfastdb_server.storage.schema import tasks
from holdfastdb_server.storage.signals import Signals, task_topic
from holdfastdb_server.storage.tasks.changes import TaskChanges, read_clock, task_resource
from holdfastdb_server.storage.tasks.filters import claim_conditions
from holdfastdb_server.storage.tasks.rows import IS_SPENT, NOW, has_lapsed, task_of
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class _NothingThere(Exception):
    """There is no task to claim: undo the transaction, and with it the request's id."""


class _SessionBusy(Exception):
    """Another transaction has the session of the task that was picked: wait for it, without the task."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id


class Claims:
    """Leases tasks: those that are pending, and those whose lease has lapsed."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        signals: Signals,
        options: StorageOptions,
    ) -> None:
        self._database = database
        self._writer = writer
        self._signals = signals
        self._poll_interval = options.poll_interval
        self._max_waiting = options.max_waiting
        self._resource = task_resource(database.dialect)
        self._conditions = claim_conditions(database.dialect)
        self._queries: Queries[sa.Select[Any]] = Queries()
        self._waiting = 0
        # Of the claims that wait for the same tasks only one polls, the next after it: all would wake for one
        # task (a thundering herd).
        self._places: WeakValueDictionary[tuple[Hashable, ...], asyncio.Lock] = WeakValueDictionary()

    async def claim(self, namespace: str, wanted: Claim, wait: timedelta, request_id: str) -> Lease | None:
        lease = await self._claim_now(namespace, wanted, request_id)
        if lease is not None or not wait:
            return lease
        until = asyncio.get_running_loop().time() + wait.total_seconds()
        with self._counted():
            place = self._places.setdefault((namespace, *_choice(wanted)), asyncio.Lock())
            try:
                async with asyncio.timeout_at(until):
                    await place.acquire()
            except TimeoutError:
                return None
            try:
                return await self._look_out(namespace, wanted, request_id, until)
            finally:
                place.release()

    async def _look_out(self, namespace: str, wanted: Claim, request_id: str, until: float) -> Lease | None:
        """Claim a task as soon as there is one; None: there was none before `until`."""
        topics = [task_topic(namespace, kind) for kind in wanted.kinds or ("",)]
        with self._signals.watch(*topics) as watch:
            while True:
                watch.clear()
                self._signals.check_open()
                lease = None
                # A read first: a claim that finds no task costs a transaction that is rolled back.
                if await self._can_claim(namespace, wanted):
                    lease = await self._claim_now(namespace, wanted, request_id)
                left = until - asyncio.get_running_loop().time()
                if lease is not None or left <= 0:
                    return lease
                await watch.wait(min(left, self._poll_interval))

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if self._waiting >= self._max_waiting:
            raise Overloaded(f"{self._waiting} claims are waiting, and no more are taken; retry later")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def _can_claim(self, namespace: str, wanted: Claim) -> bool:
        shape = self._conditions.shape(wanted)
        query = self._queries.get(shape, lambda: self._claimable(shape).with_only_columns(tasks.c.key))
        params = {"namespace": namespace, **self._conditions.params(wanted)}
        found = await self._database.read(lambda connection: connection.execute(query, params))
        return found.first() is not None

    async def _claim_now(self, namespace: str, wanted: Claim, request_id: str) -> Lease | None:
        """Claim a task, or return None if there is none to claim now. Raises TaskNotFound."""
        session_id = ""
        while True:
            try:
                return await self._attempt(namespace, wanted, request_id, session_id)
            except _SessionBusy as busy:
                session_id = busy.session_id
            except _NothingThere:
                if not session_id:
                    return None
                session_id = ""

    async def _attempt(self, namespace: str, wanted: Claim, request_id: str, session_id: str) -> Lease:
        """Claim a task in one transaction. With `session_id`, one of that session, which is waited for.

        Elsewhere sessions are locked before their tasks. Here the task comes first, for only with it is its
        session known; so its session must not be waited for, or the two orders would deadlock.
        """
        request, fingerprint = RequestName(namespace, request_id), fingerprint_of("claim task", wanted)

        async def work(transaction: Transaction) -> Lease:
            connection = transaction.connection
            if request_id:
                # Another transaction that claims with this id has locked its task, which the choice below
                # would pass over: wait for it.
                name = f"claim/{namespace}/{request_id}"
                await self._database.dialect.lock_name(connection, name)
            known = await transaction.requests.reserve(request, fingerprint)
            if known is not None:
                return await self._repeated(connection, namespace, known)
            if session_id:
                await transaction.lock([(namespace, session_id)])
            row = await self._choose(connection, namespace, wanted, session_id)
            if row is None:
                if wanted.task_id:
                    await self._resource.require(connection, namespace, wanted.task_id)
                raise _NothingThere
            if row.session_id and not session_id:
                await transaction.try_lock([(namespace, row.session_id)])
                if transaction.find(namespace, row.session_id) is None:
                    raise _SessionBusy(row.session_id)
            changes = TaskChanges(transaction, namespace, self._database.dialect)
            token = secrets.token_urlsafe(24)
            task = await changes.change(
                row, row.now, lambda task: wanted.apply(task, token, row.now), wanted.worker_id
            )
            kept = dump_json({"task_id": task.task_id, "token": token})
            transaction.requests.complete(request, kept)
            return Lease(task, token)

        return await self._writer.run(work)

    async def _choose(
        self, connection: AsyncConnection, namespace: str, wanted: Claim, session_id: str
    ) -> Any:
        """Return the row of the task to claim, locked, and the time as `now`; None: there is none.

        With `session_id`, one of that session.
        """
        shape = self._conditions.shape(wanted)

        def build() -> sa.Select[Any]:
            query = self._claimable(shape)
            if session_id:
                query = query.where(tasks.c.session_id == sa.bindparam("of_session"))
            return query.with_for_update(skip_locked=True)

        params = {"namespace": namespace, **self._conditions.params(wanted)}
        if session_id:
            params["of_session"] = session_id
        query = self._queries.get((shape, bool(session_id)), build)
        return (await connection.execute(query, params)).first()

    def _claimable(self, shape: Shape) -> sa.Select[Any]:
        """Select the task to claim, and the time. One whose last attempt has lapsed has failed."""
        now = self._database.dialect.clock()
        order = (tasks.c.priority.desc(), tasks.c.create_time, tasks.c.key)
        return (
            sa.select(tasks, now.label("now"))
            .where(
                tasks.c.namespace == NAMESPACE,
                tasks.c.claim_time <= now,
                sa.or_(tasks.c.status == TaskStatus.PENDING, sa.and_(has_lapsed(now), ~IS_SPENT)),
                *self._conditions.build(shape),
            )
            .order_by(*order)
            .limit(1)
        )

    async def _repeated(self, connection: AsyncConnection, namespace: str, known: str) -> Lease:
        kept = json.loads(known)
        row = await self._resource.require(connection, namespace, kept["task_id"])
        return Lease(task_of(row).at(row.now), kept["token"])

    async def requeue(self, limit: int, *conditions: sa.ColumnElement[bool]) -> int:
        """See TaskStore.requeue_lapsed. `conditions` restrict which of the lapsed leases."""
        due = sa.and_(tasks.c.lease_token.is_not(None), tasks.c.claim_time <= NOW, *conditions)
        chosen = sa.select(tasks.c.key, tasks.c.namespace, tasks.c.session_id).where(due)

        async def work(transaction: Transaction) -> int:
            connection = transaction.connection
            now = await read_clock(connection, self._database.dialect)
            found = (
                await connection.execute(chosen.order_by(tasks.c.claim_time).limit(limit), {"now": now})
            ).all()
            await transaction.lock([(row.namespace, row.session_id) for row in found if row.session_id])
            locked = (
                sa.select(tasks)
                .where(tasks.c.key.in_([row.key for row in found]))
                .order_by(tasks.c.key)
                .with_for_update(skip_locked=True)
            )
            for row in (await connection.execute(locked)).all():
                changes = TaskChanges(transaction, row.namespace, self._database.dialect)
                # The lease of one that was extended has not lapsed: only its claim_time moves on to its end.
                await changes.change(row, now, lambda task: task)
            return len(found)

        return await self._writer.run(work)

    async def settle(self, namespace: str, task_id: str) -> None:
        """Write the effect of a lapsed lease on one task."""
        await self.requeue(1, tasks.c.namespace == namespace, tasks.c.id == task_id)


def _choice(wanted: Claim) -> tuple[Hashable, ...]:
    """Return what two claims have in common that choose among the same tasks."""
    ids = (wanted.role, wanted.session_id, wanted.task_id)
    return (frozenset(wanted.kinds), frozenset(wanted.labels.items()), *ids)
