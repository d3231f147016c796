"""A transaction that appends events and saves states: the planned way to write.

1. `lock` the rows of the sessions.
2. `look_up_…`: read what the requests depend on.
3. `append`, `save`, …: check each request against what was read, and collect the rows to write.
4. `write` the rows, with one statement a table.

The number of statements does not depend on the number of requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import (
    EventIdTaken,
    SequenceMismatch,
    SessionEnded,
    SessionNotFound,
    VersionMismatch,
)
from holdfastdb_server.domain.events import AppendResult, Event, EventReceipt
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.storage import schema
from holdfastdb_server.storage.idempotency.request_ids import Conflict, Idempotency, RequestName
from holdfastdb_server.storage.signals import session_topic
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.statements import Statements


@dataclass(slots=True)
class LockedSession:
    """A session whose row is locked, as it will be after what is planned so far."""

    key: int
    namespace: str
    session_id: str
    status: SessionStatus
    last_sequence: int

    def request(self, request_id: str) -> RequestName:
        """Return the name of a request to the session."""
        return RequestName(self.namespace, request_id, self.key)

    def check_open(self) -> None:
        """Raise SessionEnded when the session's state is frozen."""
        if self.status.is_final:
            raise SessionEnded(self.session_id, self.status.name)


_Known = tuple[Event, EventReceipt]
"""An event that is stored or planned, and its receipt."""


class Transaction:
    """What one transaction has read of its sessions, and is going to write."""

    def __init__(self, connection: AsyncConnection, statements: Statements, versions_kept: int) -> None:
        self.connection = connection
        self._sql = statements
        self._versions_kept = versions_kept
        self.now = datetime.now(UTC)
        self._sessions: dict[tuple[str, str], LockedSession] = {}
        self._events: dict[tuple[int, str], _Known] = {}
        self._heads: dict[tuple[int, str], int] = {}
        self._touched: dict[int, LockedSession] = {}
        self._saved: dict[tuple[int, str], int] = {}
        self._namespaces: dict[int, str] = {}
        self._event_rows: list[tuple[Any, ...]] = []
        self._version_rows: list[tuple[Any, ...]] = []
        self.requests = Idempotency(connection, statements.requests, self.now)
        """The requests with an id that it carries out."""
        self.topics: set[str] = set()
        """What to publish once the transaction is committed."""

    async def lock(self, ids: Iterable[tuple[str, str]]) -> None:
        """Lock the rows of the sessions with these (namespace, id), in the order of their keys."""
        await self._lock(self._sql.lock_sessions, ids)

    async def try_lock(self, ids: Iterable[tuple[str, str]]) -> None:
        """Lock those of the sessions that are not locked, without waiting: `find` returns them."""
        await self._lock(self._sql.try_lock_sessions, ids)

    async def _lock(self, statement: sa.Select[Any], ids: Iterable[tuple[str, str]]) -> None:
        wanted = sorted(set(ids))
        if not wanted:
            return
        found = await self.connection.execute(statement, self._sql.names.params(wanted))
        for key, namespace, session_id, status, last_sequence in found:
            self._sessions[namespace, session_id] = LockedSession(
                key, namespace, session_id, SessionStatus(status), last_sequence
            )

    async def lock_owner(self, namespace: str, session_id: str) -> LockedSession | None:
        """Lock the session that a resource belongs to; None for an empty id. Raises SessionNotFound."""
        if not session_id:
            return None
        await self.lock([(namespace, session_id)])
        return self.session(namespace, session_id)

    def find(self, namespace: str, session_id: str) -> LockedSession | None:
        """Return a locked session, or None."""
        return self._sessions.get((namespace, session_id))

    def session(self, namespace: str, session_id: str) -> LockedSession:
        """Return a locked session. Raises SessionNotFound."""
        session = self.find(namespace, session_id)
        if session is None:
            raise SessionNotFound(session_id)
        return session

    async def look_up_events(self, wanted: Sequence[tuple[LockedSession, str]]) -> None:
        """Read the events that have these ids."""
        if not wanted:
            return
        by_key = {session.key: session.session_id for session, _ in wanted}
        found = await self.connection.execute(
            self._sql.events_by_id, self._sql.keyed.params([(s.key, event_id) for s, event_id in wanted])
        )
        for row in found:
            event = rows.event_of(row, by_key[row.session_key])
            self._events[row.session_key, event.event_id] = (event, rows.receipt_of(event))

    def sequence_of(self, session: LockedSession, event_id: str) -> int | None:
        """Return the sequence of an event that was looked up or planned, or None."""
        known = self._events.get((session.key, event_id))
        return None if known is None else known[1].sequence

    async def look_up_heads(self, wanted: Sequence[tuple[LockedSession, str]]) -> None:
        """Read the newest versions of these keys."""
        if not wanted:
            return
        found = await self.connection.execute(
            self._sql.heads_by_key, self._sql.keyed.params([(s.key, key) for s, key in wanted])
        )
        self._heads.update({(row.session_key, row.key): row.version for row in found})

    def version_of(self, session: LockedSession, key: str) -> int | None:
        """Return the newest version of a key that was looked up or planned, or None."""
        return self._heads.get((session.key, key))

    def append(
        self, session: LockedSession, events: Sequence[Event], expected_last_sequence: int | None = None
    ) -> AppendResult:
        """Plan to append the events that are not stored yet. Raises EventIdTaken, SequenceMismatch.

        An event with the id and the content of a stored one gets that one's receipt.
        """
        stored = [self._events.get((session.key, event.event_id)) for event in events]
        for event, known in zip(events, stored, strict=True):
            if known is not None and not known[0].says_the_same(event):
                raise EventIdTaken(session.session_id, event.event_id, known[1].sequence)
        if not all(stored) and expected_last_sequence not in (None, session.last_sequence):
            raise SequenceMismatch(session.session_id, expected_last_sequence or 0, session.last_sequence)
        receipts = [
            self._append_one(session, event) if known is None else known[1]
            for event, known in zip(events, stored, strict=True)
        ]
        return AppendResult(receipts, session.last_sequence)

    def _append_one(self, session: LockedSession, event: Event) -> EventReceipt:
        session.last_sequence += 1
        receipt = EventReceipt(event.event_id or new_id(), session.last_sequence, self.now)
        self._event_rows.append(
            rows.event_row(
                session.key, receipt.sequence, session.namespace, receipt.event_id, event, self.now
            )
        )
        if event.event_id:
            self._events[session.key, event.event_id] = (event, receipt)
        self._touched[session.key] = session
        self.topics.add(session_topic(session.key))
        return receipt

    def save(self, session: LockedSession, writes: Sequence[StateWrite]) -> list[int]:
        """Plan the next version of each key, and return them. Raises SessionEnded, VersionMismatch."""
        session.check_open()
        heads = [self._heads.get((session.key, write.key), 0) for write in writes]
        for write, head in zip(writes, heads, strict=True):
            if write.expected_version not in (None, head):
                name = f"{session.session_id}/{write.key}"
                raise VersionMismatch("state", name, write.expected_version or 0, head)
        for write, head in zip(writes, heads, strict=True):
            self._version_rows.append(
                rows.version_row(
                    session.key, session.namespace, write, head + 1, session.last_sequence, self.now
                )
            )
            self._heads[session.key, write.key] = self._saved[session.key, write.key] = head + 1
        self._touched[session.key] = session
        self._namespaces[session.key] = session.namespace
        return [head + 1 for head in heads]

    def touch(self, session: LockedSession) -> None:
        """Have `write` update the session's last activity time, and its last sequence."""
        self._touched[session.key] = session

    async def write(self) -> None:
        """Write what was planned. Raises Conflict if an event or request id exists that was not looked up.

        What is planned later is written by the next call; the writer calls it once the work is done.
        """
        dialect, connection = self._sql.dialect, self.connection
        # 1. Insert the events.
        events, self._event_rows = self._event_rows, []
        if events and await dialect.insert_missing_rows(connection, schema.events, events) < len(events):
            raise Conflict
        # 2. Insert the request ids with their replies.
        await self.requests.write()
        # 3. Insert the versions.
        versions, self._version_rows = self._version_rows, []
        if versions:
            await dialect.insert_rows(connection, schema.state_versions, versions)
            await self._write_heads()
        # 6. Update the sessions' last sequences and activity.
        touched, self._touched = self._touched, {}
        if touched:
            progress = [(s.key, s.last_sequence, self.now) for _, s in sorted(touched.items())]
            await connection.execute(self._sql.touch_sessions, self._sql.progress.params(progress))

    async def _write_heads(self) -> None:
        # 4. Upsert the newest version of each key.
        saved, self._saved = self._saved, {}
        heads = [(key, name, self._namespaces[key], version) for (key, name), version in saved.items()]
        await self._sql.dialect.insert_rows(
            self.connection,
            schema.states,
            heads,
            "ON CONFLICT (session_key, key) DO UPDATE SET version = excluded.version",
        )
        # 5. Delete the versions that are not kept any more.
        newest_surplus = [
            (key, name, version - self._versions_kept)
            for key, name, _, version in heads
            if version > self._versions_kept
        ]
        if newest_surplus:
            await self.connection.execute(self._sql.trim_versions, self._sql.bounds.params(newest_surplus))
