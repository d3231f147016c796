"""Appends in one statement: see SingleStatementWriter."""

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

_WANTED: Mapping[str, TypeEngine[Any]] = {
    "place": sa.BigInteger(),
    "namespace": sa.Text(),
    "id": sa.Text(),
    "number": sa.BigInteger(),
    "expected": sa.BigInteger(),
}
_GIVEN: Mapping[str, TypeEngine[Any]] = {"place": sa.BigInteger(), "event_id": sa.Text()}
# What the statement knows better than the rows that are sent.
_OWN_VALUES = {
    "session_key": "free.key",
    "sequence": "free.last_sequence + sent.sequence",
    "namespace": "free.namespace",
    "event_time": "coalesce(sent.event_time, $1)",
    "create_time": "$1",
}
# Step by step, and each id looked up by itself: joined all at once, PostgreSQL may find it cheaper to read
# a whole table, which is not true for long.
_STATEMENT = """
WITH wanted AS (
    SELECT * FROM {wanted} WHERE {few_wanted}
), locked AS MATERIALIZED (
    SELECT sessions.key, sessions.namespace, sessions.last_sequence, wanted.place, wanted.number
    FROM sessions JOIN wanted ON sessions.namespace = wanted.namespace AND sessions.id = wanted.id
    WHERE wanted.expected IS NULL OR sessions.last_sequence = wanted.expected
    ORDER BY sessions.key
    FOR NO KEY UPDATE OF sessions
), taken AS MATERIALIZED (
    SELECT locked.place
    FROM {given} JOIN locked ON locked.place = given.place
    CROSS JOIN LATERAL (
        SELECT FROM events
        WHERE events.session_key = locked.key AND events.event_id = given.event_id
        LIMIT 1
    ) AS there
), free AS MATERIALIZED (
    SELECT * FROM locked WHERE place NOT IN (SELECT place FROM taken)
), counted AS (
    UPDATE sessions SET last_sequence = free.last_sequence + free.number, last_activity_time = $1
    FROM free WHERE sessions.key = free.key
), appended AS (
    {insertion}
    FROM {sent} JOIN free ON free.place = sent.session_key
)
SELECT place, key, last_sequence FROM free
"""


class _SessionGroup(SessionGroup[Append]):
    """What a crowd wants to append to a session. Sequences count from its last one."""

    requests: list[tuple[int, list[str]]] = field(default_factory=list)
    """Where in the crowd each stands, and the ids of its events."""
    event_ids: set[str] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    expected: int | None = None

    def add(self, index: int, request: Append) -> None:
        if request.expected_last_sequence is not None:
            expected = request.expected_last_sequence - len(self.rows)
            self.fits_one_statement &= self.expected in (None, expected)
            self.expected = expected
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
            self.rows.append(rows.event_row(self.place, len(self.rows) + 1, "", event_id, event, None))
        self.requests.append((index, ids))

    def answers(self, last_sequence: int, now: datetime) -> list[tuple[int, AppendResult]]:
        """Return the answers when the session's last sequence was this one."""
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
        published: Callable[[set[str]], None],
        observer: StorageObserver,
    ) -> None:
        self._published = published
        self._wanted, self._given = dialect.json_rows(_WANTED), dialect.json_rows(_GIVEN)
        self._sent = dialect.json_rows({column.name: column.type for column in events.columns})
        statement = _STATEMENT.format(
            wanted=self._wanted.table("$2::bytea", "_"),
            few_wanted=is_one_of_few("place"),
            given=self._given.table("$3::bytea", "given"),
            sent=self._sent.table("$4::bytea", "sent"),
            insertion=self._sent.insertion(events, "sent", _OWN_VALUES),
        )
        super().__init__(database, statement, _SessionGroup, observer)

    def _rows(self, groups: Collection[_SessionGroup]) -> tuple[bytes, ...]:
        wanted = [(s.place, s.namespace, s.session_id, len(s.rows), s.expected) for s in groups]
        given = [(group.place, event_id) for group in groups for event_id in group.event_ids]
        sent = (row for group in groups for row in group.rows)
        return self._wanted.dump(wanted), self._given.dump(given), self._sent.dump(sent)

    def _committed(
        self, found: Sequence[Any], groups: Mapping[int, _SessionGroup], now: datetime
    ) -> list[tuple[int, AppendResult]]:
        self._published({session_topic(row["key"]) for row in found})
        return [answer for row in found for answer in groups[row["place"]].answers(row["last_sequence"], now)]
