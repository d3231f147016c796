"""Saves in one statement: see SingleStatementWriter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from msgspec import field
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import State
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.json_rows import is_one_of_few, joined_with_many
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.postgres.single_statement import PostgresWriter, SessionGroup
from holdfastdb_server.storage.schema import state_versions
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.entries import Save

_WANTED: Mapping[str, TypeEngine[Any]] = {
    "place": sa.BigInteger(),
    "namespace": sa.Text(),
    "id": sa.Text(),
}
_REQUESTS: Mapping[str, TypeEngine[Any]] = {
    "place": sa.BigInteger(),
    "request_id": sa.Text(),
    "fingerprint": sa.LargeBinary(),
}
_KEYS: Mapping[str, TypeEngine[Any]] = {
    "place": sa.BigInteger(),
    "key": sa.Text(),
    "number": sa.BigInteger(),
    "expected": sa.BigInteger(),
}
_SENT: Mapping[str, TypeEngine[Any]] = {
    "request_id": sa.Text(),
    "ordinal": sa.BigInteger(),
    **{column.name: column.type for column in state_versions.columns},
}
# How many versions a save deletes that an earlier one should have. To look back further would be to look
# at all that was deleted since the last vacuum; what is older yet, after a setting was changed, is the
# janitor's.
_MOST_OVERDUE = 100
# What the statement knows better than the rows that are sent.
_OWN_VALUES = {
    "session_key": "saved.session_key",
    "version": "saved.base + sent.version",
    "namespace": "saved.namespace",
    "session_sequence": "saved.last_sequence",
    "create_time": "$1",
}
# The snapshot is older than the locks. So guards are compared with rows that are locked too, and the new
# versions come from the insertion: both look at a row as it is now.
_STATEMENT = """
WITH wanted AS (
    SELECT * FROM {wanted} WHERE {few_wanted}
), locked AS MATERIALIZED (
    SELECT sessions.key, sessions.namespace, sessions.last_sequence, sessions.status, wanted.place
    FROM sessions JOIN wanted ON sessions.namespace = wanted.namespace AND sessions.id = wanted.id
    ORDER BY sessions.key
    FOR NO KEY UPDATE OF sessions
), there AS MATERIALIZED (
    SELECT locked.* FROM locked {many} WHERE locked.status IN ({open})
), requests AS MATERIALIZED (
    SELECT * FROM {requests}
), keys AS MATERIALIZED (
    SELECT * FROM {keys}
), sent AS MATERIALIZED (
    SELECT * FROM {sent}
), taken AS MATERIALIZED (
    SELECT there.place
    FROM requests JOIN there ON there.place = requests.place
    CROSS JOIN LATERAL (
        SELECT FROM session_requests
        WHERE session_requests.session_key = there.key
            AND session_requests.request_id = requests.request_id
        LIMIT 1
    ) AS same
    UNION ALL
    SELECT there.place
    FROM (SELECT * FROM keys WHERE expected IS NOT NULL) AS guards JOIN there ON there.place = guards.place
    LEFT JOIN LATERAL (
        SELECT version FROM states
        WHERE states.session_key = there.key AND states.key = guards.key
        LIMIT 1
        FOR NO KEY UPDATE
    ) AS head ON true
    WHERE guards.expected <> coalesce(head.version, 0)
), free AS MATERIALIZED (
    SELECT * FROM there WHERE place NOT IN (SELECT place FROM taken)
), free_keys AS MATERIALIZED (
    SELECT free.key AS session_key, free.namespace, free.last_sequence, keys.place, keys.key, keys.number
    FROM keys JOIN free ON free.place = keys.place
), headed AS (
    INSERT INTO states (session_key, key, namespace, version)
    SELECT session_key, key, namespace, number FROM free_keys
    ON CONFLICT (session_key, key) DO UPDATE SET version = states.version + excluded.version
    RETURNING session_key, key, version
), saved AS MATERIALIZED (
    SELECT free_keys.*, headed.version, headed.version - free_keys.number AS base
    FROM headed
    JOIN free_keys ON free_keys.session_key = headed.session_key AND free_keys.key = headed.key
), versioned AS (
    {insertion}
    FROM sent JOIN saved ON saved.place = sent.session_key AND saved.key = sent.key
    WHERE saved.base + sent.version > saved.version - {kept}
), answered AS (
    SELECT saved.place, sent.request_id, json_agg(saved.base + sent.version ORDER BY sent.ordinal) AS versions
    FROM sent JOIN saved ON saved.place = sent.session_key AND saved.key = sent.key
    WHERE sent.request_id IS NOT NULL
    GROUP BY saved.place, sent.request_id
), remembered AS (
    INSERT INTO session_requests (session_key, request_id, namespace, fingerprint, result, create_time)
    SELECT free.key, requests.request_id, free.namespace, {fingerprint},
        json_build_object(
            'versions', answered.versions,
            'sequence', free.last_sequence,
            'time', (extract(epoch FROM $1) * 1000000)::bigint
        ),
        $1
    FROM requests JOIN free ON free.place = requests.place
    JOIN answered ON answered.place = requests.place AND answered.request_id = requests.request_id
), trimmed AS (
    DELETE FROM state_versions USING saved
    WHERE {few_saved} AND saved.version > {kept} AND state_versions.session_key = saved.session_key
        AND state_versions.key = saved.key AND state_versions.version <= saved.version - {kept}
        AND state_versions.version > saved.base - {kept} - {overdue}
), touched AS (
    UPDATE sessions SET last_activity_time = $1 FROM free WHERE {few_free} AND sessions.key = free.key
)
SELECT place, key, base, last_sequence FROM saved
"""


class _SessionGroup(SessionGroup[Save]):
    """What a crowd wants to save in a session. Versions count from the newest of their key."""

    requests: list[tuple[int, Save, list[int]]] = field(default_factory=list)
    """Where in the crowd each stands, and the versions of its writes."""
    fingerprints: dict[str, bytes] = field(default_factory=dict)
    """By the ids of the requests that have one."""
    numbers: dict[str, int] = field(default_factory=dict)
    """How many versions of each key."""
    expected: dict[str, int] = field(default_factory=dict)
    """Which version must be the newest, of each key that has a guard."""
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, index: int, request: Save) -> None:
        if request.request_id:
            self.fits_one_statement &= request.request_id not in self.fingerprints
            self.fingerprints[request.request_id] = request.fingerprint()
        versions = []
        for write in request.writes:
            before = self.numbers.get(write.key, 0)
            if write.expected_version is not None:
                expected = write.expected_version - before
                # A key that must not be there may come while the statement waits, which cannot see it then.
                self.fits_one_statement &= (
                    expected > 0 and self.expected.setdefault(write.key, expected) == expected
                )
            self.numbers[write.key] = before + 1
            versions.append(before + 1)
            row = rows.version_row(self.place, "", write, before + 1, 0, None)
            self.rows.append((request.request_id or None, len(versions), *row))
        self.requests.append((index, request, versions))

    def answers(
        self, bases: Mapping[str, int], session_sequence: int, now: datetime
    ) -> list[tuple[int, list[State]]]:
        """Return the answers when these were the newest versions of the keys."""
        return [
            (
                index,
                rows.saved_states(
                    request.writes,
                    [bases[w.key] + version for w, version in zip(request.writes, versions, strict=True)],
                    session_sequence,
                    now,
                ),
            )
            for index, request, versions in self.requests
        ]


class SingleStatementSaves(PostgresWriter[Save, _SessionGroup]):
    """Carries out saves. Of each key, `versions_kept` versions are kept."""

    entry = Save

    def __init__(
        self, database: Database, dialect: PostgresDialect, versions_kept: int, observer: StorageObserver
    ) -> None:
        self._wanted, self._requests = dialect.json_rows(_WANTED), dialect.json_rows(_REQUESTS)
        self._keys, self._sent = dialect.json_rows(_KEYS), dialect.json_rows(_SENT)
        statement = _STATEMENT.format(
            wanted=self._wanted.table("$2::bytea", "_"),
            few_wanted=is_one_of_few("place"),
            many=joined_with_many("locked.place"),
            few_free=is_one_of_few("free.place"),
            few_saved=is_one_of_few("saved.place"),
            requests=self._requests.table("$3::bytea", "_"),
            keys=self._keys.table("$4::bytea", "_"),
            sent=self._sent.table("$5::bytea", "_"),
            fingerprint=self._requests.values["fingerprint"].format("requests.fingerprint"),
            open=", ".join(f"'{status}'" for status in SessionStatus if not status.is_final),
            insertion=self._sent.insertion(state_versions, "sent", _OWN_VALUES),
            kept=versions_kept,
            overdue=_MOST_OVERDUE,
        )
        super().__init__(database, statement, _SessionGroup, observer)

    def _rows(self, groups: Collection[_SessionGroup]) -> tuple[bytes, ...]:
        wanted = [(group.place, group.namespace, group.session_id) for group in groups]
        requests = [(group.place, *request) for group in groups for request in group.fingerprints.items()]
        keys = [
            (group.place, key, number, group.expected.get(key))
            for group in groups
            for key, number in group.numbers.items()
        ]
        sent = (row for group in groups for row in group.rows)
        return (
            self._wanted.dump(wanted),
            self._requests.dump(requests),
            self._keys.dump(keys),
            self._sent.dump(sent),
        )

    def _committed(
        self, found: Sequence[Any], groups: Mapping[int, _SessionGroup], now: datetime
    ) -> list[tuple[int, list[State]]]:
        bases: dict[int, dict[str, int]] = {}
        sequences: dict[int, int] = {}
        for row in found:
            bases.setdefault(row["place"], {})[row["key"]] = row["base"]
            sequences[row["place"]] = row["last_sequence"]
        return [
            answer
            for place, of_keys in bases.items()
            for answer in groups[place].answers(of_keys, sequences[place], now)
        ]
