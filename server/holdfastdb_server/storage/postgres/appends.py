"""AppendEvents in one statement: see SingleStatementWriter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from msgspec import field
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.events import AppendResult, EventReceipt
from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.json_rows import is_one_of_few
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.postgres.single_statement import PostgresWriter, SessionGroup
from holdfastdb_server.storage.schema import events
from holdfastdb_server.storage.signals import session_topic
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Append

_SESSION_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "group_index": sa.BigInteger(),
    "namespace": sa.Text(),
    "id": sa.Text(),
    "event_count": sa.BigInteger(),
    "expected_sequence": sa.BigInteger(),
}
_EVENT_ID_COLUMNS: Mapping[str, TypeEngine[Any]] = {"group_index": sa.BigInteger(), "event_id": sa.Text()}
# Of the events that are sent, these columns are computed: their rows have the group's index as session_key,
# and a sequence that counts from 1 in each group.
_COMPUTED = {
    "session_key": "writable.key",
    "sequence": "writable.last_sequence + sent_events.sequence",
    "namespace": "writable.namespace",
    "event_time": "coalesce(sent_events.event_time, $1)",
    "create_time": "$1",
}
# MATERIALIZED, and each id looked up by a LATERAL of its own: as one join, PostgreSQL may expect that to scan
# a whole table is cheaper, which is wrong as soon as the table has grown.
_STATEMENT = """
WITH requested AS (
    -- 1. The sessions that the requests name.
    SELECT * FROM {sessions} WHERE {few_sessions}
), locked AS MATERIALIZED (
    -- 2. Lock their rows, in the order of their keys, and check the expected last sequences.
    SELECT sessions.key, sessions.namespace, sessions.last_sequence,
        requested.group_index, requested.event_count
    FROM sessions
    JOIN requested ON sessions.namespace = requested.namespace AND sessions.id = requested.id
    WHERE requested.expected_sequence IS NULL OR sessions.last_sequence = requested.expected_sequence
    ORDER BY sessions.key
    FOR NO KEY UPDATE OF sessions
), conflicting AS MATERIALIZED (
    -- 3. Look up the event ids: a group one of whose ids exists is not written.
    SELECT locked.group_index
    FROM {event_ids}
    JOIN locked ON locked.group_index = sent_ids.group_index
    CROSS JOIN LATERAL (
        SELECT FROM events
        WHERE events.session_key = locked.key AND events.event_id = sent_ids.event_id
        LIMIT 1
    ) AS existing_event
), writable AS MATERIALIZED (
    SELECT * FROM locked WHERE group_index NOT IN (SELECT group_index FROM conflicting)
), updated_sessions AS (
    -- 4. Advance the last sequences.
    UPDATE sessions
    SET last_sequence = writable.last_sequence + writable.event_count, last_activity_time = $1
    FROM writable
    WHERE sessions.key = writable.key
), inserted_events AS (
    -- 5. Insert the events.
    {insert_events}
    FROM {events}
    JOIN writable ON writable.group_index = sent_events.session_key
)
-- 6. Return the groups that are written.
SELECT group_index, key, last_sequence FROM writable
"""


class _SessionGroup(SessionGroup[Append]):
    """The appends to one session. Sequences count from the session's last one."""

    requests: list[tuple[int, list[str]]] = field(default_factory=list)
    """The index of each request in the statement, and the ids of its events."""
    event_ids: set[str] = field(default_factory=set)
    """Those that callers chose."""
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    expected_sequence: int | None = None
    """The session's last sequence, where a request has a guard."""

    def add(self, index: int, request: Append) -> None:
        if request.expected_last_sequence is not None:
            expected = request.expected_last_sequence - len(self.rows)
            self.fits_one_statement &= self.expected_sequence in (None, expected)
            self.expected_sequence = expected
        ids = []
        for event in request.events:
            event_id = event.event_id
            if not event_id:
                event_id = new_id()
            elif event_id in self.event_ids:
                self.fits_one_statement = False
            else:
                self.event_ids.add(event_id)
            ids.append(event_id)
            self.rows.append(rows.event_row(self.index, len(self.rows) + 1, "", event_id, event, None))
        self.requests.append((index, ids))

    def answers(self, last_sequence: int, now: datetime) -> list[tuple[int, AppendResult]]:
        """Return the answers, given the session's last sequence before the statement."""
        made = []
        for index, ids in self.requests:
            receipts = [
                EventReceipt(event_id, sequence, now)
                for sequence, event_id in enumerate(ids, last_sequence + 1)
            ]
            last_sequence += len(ids)
            made.append((index, AppendResult(receipts, last_sequence)))
        return made


class SingleStatementAppends(PostgresWriter[Append, _SessionGroup]):
    """Carries out appends."""

    entry = Append

    def __init__(
        self,
        database: Database,
        dialect: PostgresDialect,
        publish: Callable[[set[str]], None],
        observer: StorageObserver,
    ) -> None:
        self._publish = publish
        self._sessions = dialect.json_rows(_SESSION_COLUMNS)
        self._event_ids = dialect.json_rows(_EVENT_ID_COLUMNS)
        self._events = dialect.json_rows({column.name: column.type for column in events.columns})
        statement = _STATEMENT.format(
            sessions=self._sessions.table("$2::bytea", "sent_sessions"),
            few_sessions=is_one_of_few("group_index"),
            event_ids=self._event_ids.table("$3::bytea", "sent_ids"),
            events=self._events.table("$4::bytea", "sent_events"),
            insert_events=self._events.insertion(events, "sent_events", _COMPUTED),
        )
        super().__init__(database, statement, _SessionGroup, observer)

    def _parameters(self, groups: Collection[_SessionGroup]) -> tuple[bytes, ...]:
        sessions = [
            (group.index, group.namespace, group.session_id, len(group.rows), group.expected_sequence)
            for group in groups
        ]
        event_ids = [(group.index, event_id) for group in groups for event_id in group.event_ids]
        event_rows = (row for group in groups for row in group.rows)
        return self._sessions.dump(sessions), self._event_ids.dump(event_ids), self._events.dump(event_rows)

    def _answers(
        self, written: Sequence[Any], groups: Mapping[int, _SessionGroup], now: datetime
    ) -> list[tuple[int, AppendResult]]:
        self._publish({session_topic(row["key"]) for row in written})
        return [
            answer
            for row in written
            for answer in groups[row["group_index"]].answers(row["last_sequence"], now)
        ]
