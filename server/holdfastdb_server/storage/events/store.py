"""Events in SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import EventIdTaken, LimitExceeded, SequenceMismatch
from holdfastdb_server.domain.events import (
    RESERVED_PREFIX,
    AppendResult,
    CaughtUp,
    Event,
    EventFilter,
    EventGrouping,
    EventSummary,
    Replacement,
    ReplaceResult,
    server_event,
)
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.events.filters import event_conditions
from holdfastdb_server.storage.events.pages import EventPages
from holdfastdb_server.storage.events.tails import Tails
from holdfastdb_server.storage.idempotency import replies
from holdfastdb_server.storage.query.filters import has_prefix
from holdfastdb_server.storage.schema import events, sessions
from holdfastdb_server.storage.sessions.resource import session_resource
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Append
from holdfastdb_server.storage.write_path.group_commit import GroupCommit
from holdfastdb_server.storage.write_path.transaction import LockedSession, Transaction
from holdfastdb_server.storage.write_path.writer import Writer


class SqlEvents:
    """Carries out the port EventStore in SQL."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        group_commit: GroupCommit,
        pages: EventPages,
        tails: Tails,
    ) -> None:
        self._database = database
        self._sessions = session_resource(database.dialect)
        self._writer = writer
        self._group_commit = group_commit
        self._pages = pages
        self._tails = tails
        self._conditions = event_conditions(database.dialect)

    async def append(
        self,
        namespace: str,
        session_id: str,
        events: Sequence[Event],
        expected_last_sequence: int | None = None,
    ) -> AppendResult:
        return await self._group_commit.append(Append(namespace, session_id, events, expected_last_sequence))

    async def list(
        self,
        namespace: str,
        session_id: str,
        where: EventFilter,
        page: PageRequest,
        after_sequence: int = 0,
        before_sequence: int = 0,
    ) -> Page[Event]:

        given_after, given_before = after_sequence, before_sequence
        if page.after is not None:
            (last,) = page.after
            if page.descending:
                before_sequence = int(last)
            else:
                after_sequence = int(last)

        async def work(connection: AsyncConnection) -> Page[Event]:
            session = await self._sessions.require(connection, namespace, session_id)
            found, more = await self._pages.of_session(
                connection,
                session.key,
                where,
                page.size,
                after=after_sequence,
                before=before_sequence,
                descending=page.descending,
            )
            total = None
            if page.with_total:
                bounds = [events.c.session_key == session.key, events.c.sequence > given_after]
                if given_before:
                    bounds.append(events.c.sequence < given_before)
                total = await self._count(connection, bounds, where)
            return Page(
                [rows.event_of(row, session_id) for row in found],
                (found[-1].sequence,) if more else None,
                total,
            )

        return await self._database.read(work)

    async def list_trace(self, namespace: str, where: EventFilter, page: PageRequest) -> Page[Event]:

        async def work(connection: AsyncConnection) -> Page[Event]:
            found, more = await self._pages.of_trace(
                connection, namespace, where, page.size, after=page.after, descending=page.descending
            )
            total = None
            if page.with_total:
                total = await self._count(connection, [events.c.namespace == namespace], where)
            last = found[-1] if more else None
            named = sa.select(sessions.c.key, sessions.c.id).where(
                sessions.c.key.in_({row.session_key for row in found})
            )
            names = {row.key: row.id for row in await connection.execute(named)}
            return Page(
                # A session deleted between the two reads has no events any more.
                [rows.event_of(row, names[row.session_key]) for row in found if row.session_key in names],
                None if last is None else (to_micros(last.session_time), last.session_key, last.sequence),
                total,
            )

        return await self._database.read(work)

    async def _count(
        self,
        connection: AsyncConnection,
        bounds: Sequence[sa.ColumnElement[bool]],
        where: EventFilter,
    ) -> int | None:
        matching = self._conditions.build(self._conditions.shape(where))
        count = sa.select(sa.func.count()).select_from(events).where(*bounds, *matching)
        return await connection.scalar(count, self._conditions.params(where))

    def tail(
        self, namespace: str, session_id: str, after_sequence: int | None, where: EventFilter
    ) -> AsyncIterator[Sequence[Event] | CaughtUp]:
        return self._tails.follow(namespace, session_id, after_sequence, where)

    async def replace(
        self,
        namespace: str,
        session_id: str,
        replacement: Replacement,
        expected_last_sequence: int | None = None,
        request_id: str = "",
    ) -> ReplaceResult:
        content = ("replace events", replacement, expected_last_sequence)
        fingerprint = fingerprint_of(*content) if request_id else b""

        async def work(transaction: Transaction) -> ReplaceResult:
            await transaction.lock([(namespace, session_id)])
            session = transaction.session(namespace, session_id)
            request = session.request(request_id)
            if (known := await transaction.requests.reserve(request, fingerprint)) is not None:
                return replies.read_replaced(known)
            if expected_last_sequence not in (None, session.last_sequence):
                raise SequenceMismatch(session_id, expected_last_sequence or 0, session.last_sequence)
            removed = await _remove(transaction.connection, session, replacement)
            if removed:
                transaction.append(session, [_replaced_event(removed, len(replacement.events))])
            given = [(session, event.event_id) for event in replacement.events if event.event_id]
            await transaction.look_up_events(given)
            for _, event_id in given:
                if (sequence := transaction.sequence_of(session, event_id)) is not None:
                    raise EventIdTaken(session_id, event_id, sequence)
            receipts = transaction.append(session, replacement.events).receipts
            replaced = ReplaceResult(len(removed), receipts, session.last_sequence)
            transaction.requests.complete(request, replies.write_replaced(replaced))
            return replaced

        return await self._writer.run(work)

    async def summarize(
        self,
        namespace: str,
        session_id: str,
        where: EventFilter,
        groups: Sequence[EventGrouping],
        bucket_seconds: int,
    ) -> Sequence[EventSummary]:
        by: dict[EventGrouping, sa.ColumnElement[Any]] = {
            EventGrouping.TIME: self._database.dialect.bucket(events.c.event_time, bucket_seconds),
            EventGrouping.TYPE: events.c.type,
            EventGrouping.ACTOR: sa.func.coalesce(events.c.actor, ""),
        }
        columns = [expression.label(group.name) for group, expression in by.items() if group in groups]

        matching = self._conditions.build(self._conditions.shape(where))

        async def work(connection: AsyncConnection) -> list[EventSummary]:
            session = await self._sessions.require(connection, namespace, session_id)
            counted = (
                sa.select(
                    *columns,
                    sa.func.count().label("number"),
                    sa.func.min(events.c.event_time).label("first"),
                    sa.func.max(events.c.event_time).label("last"),
                )
                .where(events.c.session_key == session.key, *matching)
                .group_by(*(sa.literal_column(str(place + 1)) for place in range(len(columns))))
                .having(sa.func.count() > 0)
                .order_by(*(sa.literal_column(str(place + 1)) for place in range(len(columns))))
                .limit(limits.SUMMARY_GROUPS + 1)
            )
            found = (await connection.execute(counted, self._conditions.params(where))).all()
            if len(found) > limits.SUMMARY_GROUPS:
                raise LimitExceeded("groups", len(found), limits.SUMMARY_GROUPS)
            return [
                EventSummary(
                    count=row.number,
                    first_event_time=row.first,
                    last_event_time=row.last,
                    type=getattr(row, "TYPE", ""),
                    actor=getattr(row, "ACTOR", ""),
                    bucket_time=getattr(row, "TIME", None),
                )
                for row in found
            ]

        return await self._database.read(work)


async def _remove(connection: AsyncConnection, session: LockedSession, replacement: Replacement) -> list[int]:
    """Delete the events that the replacement names, and return their sequences."""
    removable = sa.select(events.c.sequence).where(
        events.c.session_key == session.key, ~has_prefix(events.c.type, RESERVED_PREFIX)
    )
    if replacement.kinds:
        removable = removable.where(events.c.kind.in_(sorted(replacement.kinds)))
    if replacement.after_sequence is not None:
        removable = removable.where(events.c.sequence > replacement.after_sequence)
    if replacement.newest is not None:
        removable = removable.order_by(events.c.sequence.desc()).limit(replacement.newest)
    deleted = await connection.execute(
        events.delete()
        .where(events.c.session_key == session.key, events.c.sequence.in_(removable))
        .returning(events.c.sequence)
    )
    return sorted(deleted.scalars())


def _replaced_event(removed: Sequence[int], appended: int) -> Event:
    return server_event(
        "history.replaced",
        removed_count=len(removed),
        first_sequence=removed[0],
        last_sequence=removed[-1],
        appended_count=appended,
    )
