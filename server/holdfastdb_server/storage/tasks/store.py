"""Tasks in SQL."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import (
    IdempotencyKeyTaken,
    LeaseNotHeld,
    OpenTaskExists,
)
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.tasks.moves import (
    Claim,
    Lease,
    Release,
    TaskChange,
    TaskMove,
    TaskTransition,
    check_version,
    make,
)
from holdfastdb_server.domain.tasks.task import Task, TaskDraft, TaskFilter
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.query.lists import TimeList
from holdfastdb_server.storage.query.payloads import payload_names
from holdfastdb_server.storage.schema import tasks
from holdfastdb_server.storage.signals import task_topic
from holdfastdb_server.storage.tasks.changes import TaskChanges, read_clock, task_resource
from holdfastdb_server.storage.tasks.claims import Claims
from holdfastdb_server.storage.tasks.filters import task_conditions
from holdfastdb_server.storage.tasks.rows import (
    changing_values,
    dedupe_digest,
    fixed_values,
    head_size,
    new_task,
    task_of,
)
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class _Lapsed(Exception):
    """A task that stands in the way has failed, which is not written down yet: do that, and try again."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id


class SqlTasks:
    """Carries out the port TaskStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        claims: Claims,
        policy: Policy,
    ) -> None:
        self._database = database
        self._writer = writer
        self._claims = claims
        self._policy = policy
        self._resource = task_resource(database.dialect)
        self._list = TimeList(
            tasks,
            tasks.c.create_time,
            task_conditions(database.dialect),
            payloads=payload_names("payload", "result"),
            head_size=head_size,
        )

    async def create(self, namespace: str, draft: TaskDraft) -> Task:
        while True:
            try:
                return await self._create(namespace, draft)
            except _Lapsed as lapsed:
                await self._claims.settle(namespace, lapsed.task_id)

    async def _create(self, namespace: str, draft: TaskDraft) -> Task:

        async def work(transaction: Transaction) -> Task:
            connection = transaction.connection
            session = await transaction.lock_owner(namespace, draft.session_id)
            changes = TaskChanges(transaction, namespace, self._database.dialect)
            while True:
                now = await read_clock(connection, self._database.dialect)
                task = new_task(draft, now)
                values = {
                    "namespace": namespace,
                    "session_key": None if session is None else session.key,
                    "session_id": draft.session_id or None,
                    "create_time": now,
                    **fixed_values(draft),
                    **changing_values(task),
                }
                if await self._resource.insert(connection, values) is not None:
                    break
                existing = await self._existing(connection, namespace, draft, now)
                if existing is not None:
                    return existing
            changes.tell(None, task)
            transaction.topics.update((task_topic(namespace), task_topic(namespace, draft.kind)))
            return task

        return await self._writer.run(work)

    async def _existing(
        self, connection: AsyncConnection, namespace: str, draft: TaskDraft, now: datetime
    ) -> Task | None:
        """Return the task of the same draft; None: nothing is in the way any more.

        Raises IdTaken, IdempotencyKeyTaken, OpenTaskExists, _Lapsed.
        """
        fingerprint = draft.fingerprint()
        row = await self._resource.find(connection, namespace, draft.task_id)
        if row is not None:
            self._resource.check_same(row, fingerprint)
            return task_of(row).at(now)
        in_namespace = sa.select(tasks).where(tasks.c.namespace == namespace)
        held = in_namespace.where(tasks.c.held_key == draft.idempotency_key)
        row = (await connection.execute(held)).first()
        if row is not None:
            if row.create_time + self._policy.idempotency_ttl <= now:
                await connection.execute(tasks.update().where(tasks.c.key == row.key).values(held_key=None))
                return None
            if bytes(row.create_fingerprint) != fingerprint:
                raise IdempotencyKeyTaken(row.id)
            return task_of(row).at(now)
        if (digest := dedupe_digest(draft.dedupe_key)) is None:
            return None
        same = (tasks.c.kind == draft.kind, tasks.c.dedupe_digest == digest, tasks.c.end_time.is_(None))
        row = (await connection.execute(in_namespace.where(*same))).first()
        if row is not None:
            if task_of(row).at(now).status.is_final:
                raise _Lapsed(row.id)
            raise OpenTaskExists(row.id)
        return None

    async def get(self, namespace: str, task_id: str) -> Task:

        async def work(connection: AsyncConnection) -> Task:
            row = await self._resource.require(connection, namespace, task_id)
            return task_of(row).at(row.now)

        return await self._database.read(work)

    async def list(self, namespace: str, where: TaskFilter, page: PageRequest) -> Page[Task]:

        async def work(connection: AsyncConnection) -> Page[Task]:
            now = await read_clock(connection, self._database.dialect)
            listed = await self._list.read(
                connection, namespace, where, page, omit_payload=where.omit_payload, now=now
            )
            return Page([task_of(row).at(now) for row in listed.rows], listed.next, listed.total)

        return await self._database.read(work)

    async def update(
        self,
        namespace: str,
        task_id: str,
        change: TaskChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Task:
        return await self._make(namespace, task_id, change, expected_version, request_id)

    async def transition(
        self,
        namespace: str,
        task_id: str,
        move: TaskTransition,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Task:
        return await self._make(namespace, task_id, move, expected_version, request_id)

    async def claim(
        self, namespace: str, wanted: Claim, wait: timedelta = timedelta(), request_id: str = ""
    ) -> Lease | None:
        return await self._claims.claim(namespace, wanted, wait, request_id)

    async def extend(self, namespace: str, task_id: str, token: str, lease_duration: timedelta) -> datetime:

        async def work(connection: AsyncConnection) -> datetime:
            now = await read_clock(connection, self._database.dialect)
            until = now + lease_duration
            # The claim's time is in an index: it is written only if the lease is to end before that.
            earlier = sa.case(
                (tasks.c.claim_time > until, sa.literal(until, Micros)), else_=tasks.c.claim_time
            )
            extend = (
                tasks.update()
                .where(
                    tasks.c.namespace == namespace,
                    tasks.c.id == task_id,
                    tasks.c.lease_token == token,
                    tasks.c.lease_expire_time > now,
                )
                .values(lease_expire_time=until, claim_time=earlier)
            )
            if not (await connection.execute(extend)).rowcount:
                await self._resource.require(connection, namespace, task_id)
                raise LeaseNotHeld(task_id)
            return until

        return await self._database.write(work)

    async def release(self, namespace: str, task_id: str, release: Release, request_id: str = "") -> Task:
        return await self._make(namespace, task_id, release, None, request_id)

    async def _make(
        self, namespace: str, task_id: str, move: TaskMove, expected_version: int | None, request_id: str
    ) -> Task:
        """Lock the task, make the move, and write what differs with a new version."""
        request = RequestName(namespace, request_id)
        fingerprint = fingerprint_of(type(move).__name__, task_id, expected_version, move)

        async def work(transaction: Transaction) -> Task:
            changes = TaskChanges(transaction, namespace, self._database.dialect)
            row, now = await changes.lock(task_id)
            before = task_of(row).at(now)
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return before
            transaction.requests.complete(request, replies.DONE)
            return await changes.change(
                row, now, lambda task: make(move, task, expected_version, now), move.actor_for(before)
            )

        return await self._writer.run(work)

    async def delete(self, namespace: str, task_id: str, expected_version: int | None = None) -> None:

        async def work(connection: AsyncConnection) -> None:
            row = await self._resource.require(connection, namespace, task_id, for_update=True)
            check_version(task_of(row).at(row.now), expected_version)
            await connection.execute(tasks.delete().where(tasks.c.key == row.key))

        await self._database.write(work)

    async def requeue_lapsed(self, limit: int) -> int:
        return await self._claims.requeue(limit)
