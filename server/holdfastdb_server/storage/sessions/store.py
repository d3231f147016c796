"""Sessions in SQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.domain.events import server_event, status_event
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    Session,
    SessionChange,
    SessionDraft,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.query.lists import TimeList
from holdfastdb_server.storage.query.pages import WholeRows
from holdfastdb_server.storage.schema import sessions
from holdfastdb_server.storage.sessions import forks
from holdfastdb_server.storage.sessions.filters import session_conditions
from holdfastdb_server.storage.sessions.resource import session_resource
from holdfastdb_server.storage.signals import session_topic
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.point_reads import PointReads
from holdfastdb_server.storage.write_path.transaction import LockedSession, Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlSessions:
    """Carries out the port SessionStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        reads: PointReads,
        policy: Policy,
    ) -> None:
        self._database = database
        self._writer = writer
        self._reads = reads
        self._policy = policy
        self._resource = session_resource(database.dialect)
        self._list = TimeList(
            sessions,
            sessions.c.create_time,
            session_conditions(database.dialect),
            make_pages=lambda picked, order, _: WholeRows(sessions, picked, order, rows.session_size),
        )

    async def create(self, namespace: str, draft: SessionDraft) -> Session:

        async def work(connection: AsyncConnection) -> Session:
            parent = draft.parent_session_id
            # A repeated draft finds its session, even if the parent has been deleted since.
            if parent and not (
                await self._resource.find(connection, namespace, parent)
                or await self._resource.find(connection, namespace, draft.session_id)
            ):
                raise SessionNotFound(parent)
            columns = {"parent_id": draft.parent_session_id or None, **rows.field_columns(draft.fields)}
            return await self._insert(connection, namespace, draft.session_id, draft.fingerprint(), columns)

        return await self._database.write(work)

    async def _insert(
        self,
        connection: AsyncConnection,
        namespace: str,
        session_id: str,
        fingerprint: bytes,
        columns: dict[str, Any],
    ) -> Session:
        now = datetime.now(UTC)
        row, _ = await self._resource.create_or_find(
            connection,
            {
                "namespace": namespace,
                "id": session_id,
                "create_fingerprint": fingerprint,
                "status": SessionStatus.PENDING,
                "status_reason": "",
                "version": 1,
                "last_sequence": 0,
                "create_time": now,
                "update_time": now,
                "last_activity_time": now,
                "expiry_check_time": self._expiry_check(rows.retention_of(columns["retention"]), now),
                **columns,
            },
        )
        return rows.session_of(row)

    async def get(self, namespace: str, session_id: str) -> Session:
        return await self._reads.session(namespace, session_id)

    async def list(self, namespace: str, where: SessionFilter, page: PageRequest) -> Page[Session]:
        listed = await self._database.read(
            lambda connection: self._list.read(connection, namespace, where, page)
        )
        return Page([rows.session_of(row) for row in listed.rows], listed.next, listed.total)

    async def update(
        self,
        namespace: str,
        session_id: str,
        change: SessionChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Session:

        def plan(transaction: Transaction, session: Session) -> dict[str, Any]:
            changed = change.apply(session.fields)
            if changed == session.fields:
                return {}
            columns = rows.field_columns(changed)
            if session.status.is_final:
                return columns
            return columns | {
                "expiry_check_time": self._expiry_check(changed.retention, session.last_activity_time)
            }

        fingerprint = fingerprint_of("update session", change, expected_version)
        return await self._change(namespace, session_id, plan, expected_version, request_id, fingerprint)

    async def transition(
        self,
        namespace: str,
        session_id: str,
        move: Transition,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Session:

        def plan(transaction: Transaction, session: Session) -> dict[str, Any]:
            return plan_move(transaction, transaction.session(namespace, session_id), move)

        fingerprint = fingerprint_of("transition session", move, expected_version)
        return await self._change(namespace, session_id, plan, expected_version, request_id, fingerprint)

    async def _change(
        self,
        namespace: str,
        session_id: str,
        plan: Callable[[Transaction, Session], dict[str, Any]],
        expected_version: int | None,
        request_id: str,
        fingerprint: bytes,
    ) -> Session:
        """Lock the session, and write the columns that `plan` returns, with a new version."""

        async def work(transaction: Transaction) -> Session:
            connection = transaction.connection
            await transaction.lock([(namespace, session_id)])
            locked = transaction.session(namespace, session_id)
            request = locked.request(request_id)
            row = await self._resource.require(connection, namespace, session_id)
            if await transaction.requests.reserve(request, fingerprint) is not None:
                return rows.session_of(row)
            self._resource.check_version(row, expected_version)
            columns = plan(transaction, rows.session_of(row))
            transaction.requests.complete(request, replies.DONE)
            if columns:
                transaction.touch(locked)
            await transaction.write()
            if not columns:
                return rows.session_of(row)
            update = (
                sessions.update()
                .where(sessions.c.key == row.key)
                .values(version=row.version + 1, update_time=transaction.now, **columns)
                .returning(sessions)
            )
            return rows.session_of((await connection.execute(update)).one())

        return await self._writer.run(work)

    async def delete(self, namespace: str, session_id: str, expected_version: int | None = None) -> None:

        async def work(transaction: Transaction) -> None:
            row = await self._resource.require(transaction.connection, namespace, session_id, for_update=True)
            self._resource.check_version(row, expected_version)
            await transaction.connection.execute(sessions.delete().where(sessions.c.key == row.key))
            transaction.topics.add(session_topic(row.key))

        await self._writer.run(work)

    async def fork(self, namespace: str, session_id: str, draft: ForkDraft) -> Session:
        fingerprint = draft.fingerprint(session_id)

        async def work(transaction: Transaction) -> Session:
            connection = transaction.connection
            await transaction.lock([(namespace, session_id)])
            existing = await self._resource.find(connection, namespace, draft.session_id)
            if existing is not None:
                self._resource.check_same(existing, fingerprint)
                return rows.session_of(existing)
            source = await self._resource.require(connection, namespace, session_id)
            sequence = draft.up_to(source.last_sequence)
            fields = rows.session_of(source).fields
            columns = rows.field_columns(replace(fields, title=draft.title or fields.title))
            columns |= {"parent_id": session_id, "fork_sequence": sequence}
            copy = await self._insert(connection, namespace, draft.session_id, fingerprint, columns)
            await forks.copy(connection, source.key, namespace, copy.session_id, sequence)
            await transaction.lock([(namespace, copy.session_id)])
            event = server_event("session.forked", source=session_id, sequence=sequence)
            transaction.append(transaction.session(namespace, copy.session_id), [event])
            await transaction.write()
            return rows.session_of(await self._resource.require(connection, namespace, copy.session_id))

        return await self._writer.run(work)

    def _expiry_check(self, retention: Any, since: datetime) -> datetime | None:
        if retention == "never":
            return None
        kept: timedelta = retention or self._policy.session_retention
        return since + kept


def plan_move(transaction: Transaction, session: LockedSession, move: Transition) -> dict[str, Any]:
    """Plan the move of a locked session, its event with it, and return the columns that change."""
    move.check_allowed(session.session_id, session.status)
    event = status_event("session", session.status, move.status, move.actor, reason=move.reason)
    transaction.append(session, [event])
    columns: dict[str, Any] = {"status": move.status, "status_reason": move.reason}
    if move.status.is_final:
        columns |= {"end_time": transaction.now, "expiry_check_time": None}
    return columns
