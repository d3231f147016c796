"""Approvals in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.approvals import (
    Approval,
    ApprovalFilter,
    ApprovalRequest,
    ApprovalStatus,
    Decision,
)
from holdfastdb_server.domain.errors import ApprovalAlreadyDecided, ApprovalNotFound
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.storage.approvals.rows import (
    approval_conditions,
    approval_of,
    decision_values,
    head_size,
    request_values,
)
from holdfastdb_server.storage.approvals.waits import ApprovalWaits
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.idempotency.request_ids import RequestName
from holdfastdb_server.storage.query.lists import Listed, TimeList
from holdfastdb_server.storage.query.payloads import payload_names
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.schema import approvals
from holdfastdb_server.storage.signals import Signals, approval_topic
from holdfastdb_server.storage.write_path.owned import lock_owned
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer

_PAYLOADS = payload_names("payload", "response")


class SqlApprovals:
    """Carries out the port ApprovalStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        waits: ApprovalWaits,
        signals: Signals,
    ) -> None:
        self._database = database
        self._writer = writer
        self._waits = waits
        self._signals = signals
        self._resource = Resource(
            database.dialect, approvals, ApprovalNotFound, approvals.c.request_fingerprint
        )
        self._list = TimeList(
            approvals,
            approvals.c.create_time,
            approval_conditions(database.dialect),
            payloads=_PAYLOADS,
            head_size=head_size,
        )

    async def request(self, namespace: str, request: ApprovalRequest) -> Approval:
        fingerprint = request.fingerprint()

        async def work(transaction: Transaction) -> Approval | None:
            session = await transaction.lock_owner(namespace, request.session_id)
            approval = Approval(request, Decision(), transaction.now, None)
            _, is_new = await self._resource.create_or_find(
                transaction.connection,
                {
                    "namespace": namespace,
                    "session_key": None if session is None else session.key,
                    "session_id": request.session_id or None,
                    "request_fingerprint": fingerprint,
                    **request_values(approval),
                    **decision_values(approval),
                },
            )
            if not is_new:
                return None
            if session is not None:
                transaction.append(session, [approval.event()])
            return approval

        approval = await self._writer.run(work)
        return approval or await self.get(namespace, request.approval_id)

    async def decide(
        self, namespace: str, approval_id: str, decision: Decision, request_id: str = ""
    ) -> Approval:
        request, fingerprint = RequestName(namespace, request_id), decision.fingerprint(approval_id)

        async def work(transaction: Transaction) -> Approval:
            connection = transaction.connection
            row, session = await lock_owned(transaction, self._resource, namespace, approval_id)
            approval = approval_of(row)
            if approval.is_due(transaction.now):
                await _expire(transaction, [row.key])
                return approval.expired()
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return approval
            transaction.requests.complete(request, replies.DONE)
            decided = approval.decided(decision, transaction.now)
            update = approvals.update().where(approvals.c.key == row.key)
            await connection.execute(update.values(decision_values(decided)))
            if session is not None:
                transaction.append(session, [decided.event()])
            transaction.topics.add(approval_topic(row.key))
            return decided

        approval = await self._writer.run(work)
        if approval.status is ApprovalStatus.EXPIRED:  # which is written down now
            raise ApprovalAlreadyDecided(approval_id, approval.status.name)
        return approval

    async def get(self, namespace: str, approval_id: str) -> Approval:
        return approval_of(await self._look(namespace, approval_id))

    async def _look(self, namespace: str, approval_id: str) -> Any:
        """Return the row, with its expiry if its time is up. Raises ApprovalNotFound."""
        row = await self._database.read(lambda c: self._resource.require(c, namespace, approval_id))
        if not approval_of(row).is_due(datetime.now(UTC)):
            return row
        await self._expire([row.key])
        return await self._database.read(lambda c: self._resource.require(c, namespace, approval_id))

    async def list(self, namespace: str, where: ApprovalFilter, page: PageRequest) -> Page[Approval]:
        now = datetime.now(UTC)

        async def read(connection: AsyncConnection) -> Listed:
            return await self._list.read(
                connection, namespace, where, page, omit_payload=where.omit_payload, now=now
            )

        listed = await self._database.read(read)
        if due := [row.key for row in listed.rows if approval_of(row).is_due(now)]:
            await self._expire(due)
            listed = await self._database.read(read)
        return Page([approval_of(row) for row in listed.rows], listed.next, listed.total)

    async def wait(self, namespace: str, approval_id: str, seconds: float) -> Approval:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        key = (await self._look(namespace, approval_id)).key
        with self._waits.opened(key) as watch:
            while True:
                watch.clear()
                self._signals.check_open()
                row = await self._look(namespace, approval_id)
                if row.key != key:  # another one has got its id
                    raise ApprovalNotFound(approval_id)
                left = give_up - loop.time()
                if row.end_time is not None or left <= 0:
                    return approval_of(row)
                if row.expire_time is not None:
                    left = min(left, (row.expire_time - datetime.now(UTC)).total_seconds())
                await watch.wait(left)

    async def expire(self, limit: int) -> int:
        due = (
            sa.select(approvals.c.key)
            .where(approvals.c.end_time.is_(None), approvals.c.expire_time <= datetime.now(UTC))
            .order_by(approvals.c.expire_time)
            .limit(limit)
        )
        keys = (await self._database.read(lambda c: c.execute(due))).scalars().all()
        return await self._expire(keys) if keys else 0

    async def _expire(self, keys: Sequence[int]) -> int:
        """Write down the expiry of those that are still pending; return how many it were."""

        async def work(transaction: Transaction) -> int:
            owners = sa.select(approvals.c.namespace, approvals.c.session_id).where(
                approvals.c.key.in_(keys), approvals.c.session_id.is_not(None)
            )
            await transaction.lock(
                [(row.namespace, row.session_id) for row in await transaction.connection.execute(owners)]
            )
            return await _expire(transaction, keys)

        return await self._writer.run(work)


async def _expire(transaction: Transaction, keys: Sequence[int]) -> int:
    """Expire those that are still pending, whose sessions are locked; return how many it were."""
    heads = [sa.null().label(c.name) if c.name in _PAYLOADS else c for c in approvals.columns]
    pending = (
        sa.select(*heads)
        .where(approvals.c.key.in_(keys), approvals.c.end_time.is_(None))
        .order_by(approvals.c.key)
        .with_for_update()
    )
    found = (await transaction.connection.execute(pending)).all()
    for row in found:
        transaction.topics.add(approval_topic(row.key))
        if row.session_id:
            transaction.append(
                transaction.session(row.namespace, row.session_id), [approval_of(row).expired().event()]
            )
    update = approvals.update().where(approvals.c.key.in_([row.key for row in found]))
    # They ended at their expire_time, however much later that is written.
    await transaction.connection.execute(
        update.values(status=ApprovalStatus.EXPIRED, end_time=approvals.c.expire_time)
    )
    return len(found)
