"""SaveState in one statement: see SingleStatementWriter."""

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

_SESSION_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "group_index": sa.BigInteger(),
    "namespace": sa.Text(),
    "id": sa.Text(),
}
_REQUEST_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "group_index": sa.BigInteger(),
    "request_id": sa.Text(),
    "fingerprint": sa.LargeBinary(),
}
_KEY_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "group_index": sa.BigInteger(),
    "key": sa.Text(),
    "version_count": sa.BigInteger(),
    "expected_version": sa.BigInteger(),
}
_VERSION_COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "request_id": sa.Text(),
    "ordinal": sa.BigInteger(),
    **{column.name: column.type for column in state_versions.columns},
}
# How many versions a save deletes that an earlier one should have deleted but did not see. Without a bound
# the index scan would pass over all entries of versions deleted since the last vacuum. Versions older than
# that, which a lower `state_versions_kept` leaves, are deleted by the janitor.
_MAX_OVERDUE_VERSIONS = 100
# Of the versions that are sent, these columns are computed: their rows have the group's index as session_key,
# and a version that counts from 1 for each key of a group.
_COMPUTED = {
    "session_key": "saved_keys.session_key",
    "version": "saved_keys.base_version + sent_versions.version",
    "namespace": "saved_keys.namespace",
    "session_sequence": "saved_keys.last_sequence",
    "create_time": "$1",
}
# READ COMMITTED: the statement's snapshot is taken before it waits for locks, and does not show what other
# transactions committed while it waited. Only rows that it locks, and rows that ON CONFLICT finds, are read
# as they are at that moment. So guards are compared with rows of `states` that are locked, and new versions
# follow from the upsert.
_STATEMENT = """
WITH requested AS (
    -- 1. The sessions that the requests name.
    SELECT * FROM {sessions} WHERE {few_sessions}
), locked AS MATERIALIZED (
    -- 2. Lock their rows, in the order of their keys.
    SELECT sessions.key, sessions.namespace, sessions.last_sequence, sessions.status, requested.group_index
    FROM sessions
    JOIN requested ON sessions.namespace = requested.namespace AND sessions.id = requested.id
    ORDER BY sessions.key
    FOR NO KEY UPDATE OF sessions
), open_sessions AS MATERIALIZED (
    -- 3. Leave out sessions that have ended.
    SELECT locked.* FROM locked {many_sessions} WHERE locked.status IN ({open_statuses})
), sent_requests AS MATERIALIZED (
    SELECT * FROM {requests}
), sent_keys AS MATERIALIZED (
    SELECT * FROM {keys}
), sent_versions AS MATERIALIZED (
    SELECT * FROM {versions}
), conflicting AS MATERIALIZED (
    -- 4. Look up the request ids: a group one of whose ids exists is not written.
    SELECT open_sessions.group_index
    FROM sent_requests
    JOIN open_sessions ON open_sessions.group_index = sent_requests.group_index
    CROSS JOIN LATERAL (
        SELECT FROM requests
        WHERE requests.session_key = open_sessions.key
            AND requests.request_id = sent_requests.request_id
        LIMIT 1
    ) AS existing_request
    UNION ALL
    -- 5. Check the guards: a group one of whose keys has another newest version is not written.
    SELECT open_sessions.group_index
    FROM (SELECT * FROM sent_keys WHERE expected_version IS NOT NULL) AS guards
    JOIN open_sessions ON open_sessions.group_index = guards.group_index
    LEFT JOIN LATERAL (
        SELECT version FROM states
        WHERE states.session_key = open_sessions.key AND states.key = guards.key
        LIMIT 1
        FOR NO KEY UPDATE
    ) AS newest ON true
    WHERE guards.expected_version <> coalesce(newest.version, 0)
), writable AS MATERIALIZED (
    SELECT * FROM open_sessions WHERE group_index NOT IN (SELECT group_index FROM conflicting)
), writable_keys AS MATERIALIZED (
    SELECT writable.key AS session_key, writable.namespace, writable.last_sequence,
        sent_keys.group_index, sent_keys.key, sent_keys.version_count
    FROM sent_keys JOIN writable ON writable.group_index = sent_keys.group_index
), upserted_states AS (
    -- 6. Upsert the newest version of each key.
    INSERT INTO states (session_key, key, namespace, version)
    SELECT session_key, key, namespace, version_count FROM writable_keys
    ON CONFLICT (session_key, key) DO UPDATE SET version = states.version + excluded.version
    RETURNING session_key, key, version
), saved_keys AS MATERIALIZED (
    SELECT writable_keys.*, upserted_states.version,
        upserted_states.version - writable_keys.version_count AS base_version
    FROM upserted_states
    JOIN writable_keys ON writable_keys.session_key = upserted_states.session_key
        AND writable_keys.key = upserted_states.key
), inserted_versions AS (
    -- 7. Insert the versions that are kept.
    {insert_versions}
    FROM sent_versions
    JOIN saved_keys ON saved_keys.group_index = sent_versions.session_key
        AND saved_keys.key = sent_versions.key
    WHERE saved_keys.base_version + sent_versions.version > saved_keys.version - {kept}
), versions_by_request AS (
    SELECT saved_keys.group_index, sent_versions.request_id,
        json_agg(saved_keys.base_version + sent_versions.version ORDER BY sent_versions.ordinal) AS versions
    FROM sent_versions
    JOIN saved_keys ON saved_keys.group_index = sent_versions.session_key
        AND saved_keys.key = sent_versions.key
    WHERE sent_versions.request_id IS NOT NULL
    GROUP BY saved_keys.group_index, sent_versions.request_id
), inserted_requests AS (
    -- 8. Insert the request ids with their replies (see idempotency/replies.py).
    INSERT INTO requests (namespace, session_key, request_id, fingerprint, result, create_time)
    SELECT writable.namespace, writable.key, sent_requests.request_id, {fingerprint},
        json_build_object(
            'versions', versions_by_request.versions,
            'sequence', writable.last_sequence,
            'time', (extract(epoch FROM $1) * 1000000)::bigint
        ),
        $1
    FROM sent_requests
    JOIN writable ON writable.group_index = sent_requests.group_index
    JOIN versions_by_request ON versions_by_request.group_index = sent_requests.group_index
        AND versions_by_request.request_id = sent_requests.request_id
), deleted_versions AS (
    -- 9. Delete the versions that are not kept any more.
    DELETE FROM state_versions
    USING saved_keys
    WHERE {few_saved_keys} AND saved_keys.version > {kept}
        AND state_versions.session_key = saved_keys.session_key AND state_versions.key = saved_keys.key
        AND state_versions.version <= saved_keys.version - {kept}
        AND state_versions.version > saved_keys.base_version - {kept} - {overdue}
), updated_sessions AS (
    -- 10. Note the sessions' activity.
    UPDATE sessions SET last_activity_time = $1 FROM writable
    WHERE {few_writable} AND sessions.key = writable.key
)
-- 11. Return the keys that are written.
SELECT group_index, key, base_version, last_sequence FROM saved_keys
"""


class _SessionGroup(SessionGroup[Save]):
    """The saves in one session. Versions count from the newest one of their key."""

    requests: list[tuple[int, Save, list[tuple[str, int]]]] = field(default_factory=list)
    """The index of each request in the statement, and the key and version of its writes, counted from 1."""
    fingerprints: dict[str, bytes] = field(default_factory=dict)
    """By request id, of those requests that have one."""
    version_counts: dict[str, int] = field(default_factory=dict)
    """How many versions each key gets."""
    expected_versions: dict[str, int] = field(default_factory=dict)
    """The newest version of each key for which a request has a guard."""
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, index: int, request: Save) -> None:
        if request.request_id:
            self.fits_one_statement &= request.request_id not in self.fingerprints
            self.fingerprints[request.request_id] = request.fingerprint()
        versions = []
        for write in request.writes:
            before = self.version_counts.get(write.key, 0)
            if write.expected_version is not None:
                expected = write.expected_version - before
                # Version 0, a key that must not exist, has no row to lock: another transaction could insert
                # it while the statement waits, and its snapshot would not show it.
                self.fits_one_statement &= (
                    expected > 0 and self.expected_versions.setdefault(write.key, expected) == expected
                )
            self.version_counts[write.key] = before + 1
            versions.append((write.key, before + 1))
            row = rows.version_row(self.index, "", write, before + 1, None, None)
            self.rows.append((request.request_id or None, len(versions), *row))
        self.requests.append((index, request, versions))

    def answers(
        self, base_versions: Mapping[str, int], session_sequence: int, now: datetime
    ) -> list[tuple[int, list[State]]]:
        """Return the answers, given the newest version of each key before the statement."""
        made = []
        for index, request, counted in self.requests:
            versions = [base_versions[key] + count for key, count in counted]
            made.append((index, rows.saved_states(request.writes, versions, session_sequence, now)))
        return made


class SingleStatementSaves(PostgresWriter[Save, _SessionGroup]):
    """Carries out saves. Of each key, `versions_kept` versions are kept."""

    entry = Save

    def __init__(
        self, database: Database, dialect: PostgresDialect, versions_kept: int, observer: StorageObserver
    ) -> None:
        self._sessions = dialect.json_rows(_SESSION_COLUMNS)
        self._requests = dialect.json_rows(_REQUEST_COLUMNS)
        self._keys = dialect.json_rows(_KEY_COLUMNS)
        self._versions = dialect.json_rows(_VERSION_COLUMNS)
        statement = _STATEMENT.format(
            sessions=self._sessions.table("$2::bytea", "sent_sessions"),
            requests=self._requests.table("$3::bytea", "_"),
            keys=self._keys.table("$4::bytea", "_"),
            versions=self._versions.table("$5::bytea", "_"),
            few_sessions=is_one_of_few("group_index"),
            many_sessions=joined_with_many("locked.group_index"),
            few_saved_keys=is_one_of_few("saved_keys.group_index"),
            few_writable=is_one_of_few("writable.group_index"),
            open_statuses=", ".join(f"'{status}'" for status in SessionStatus if not status.is_final),
            fingerprint=self._requests.values["fingerprint"].format("sent_requests.fingerprint"),
            insert_versions=self._versions.insertion(state_versions, "sent_versions", _COMPUTED),
            kept=versions_kept,
            overdue=_MAX_OVERDUE_VERSIONS,
        )
        super().__init__(database, statement, _SessionGroup, observer)

    def _parameters(self, groups: Collection[_SessionGroup]) -> tuple[bytes, ...]:
        sessions = [(group.index, group.namespace, group.session_id) for group in groups]
        requests = [(group.index, *request) for group in groups for request in group.fingerprints.items()]
        keys = [
            (group.index, key, count, group.expected_versions.get(key))
            for group in groups
            for key, count in group.version_counts.items()
        ]
        version_rows = (row for group in groups for row in group.rows)
        return (
            self._sessions.dump(sessions),
            self._requests.dump(requests),
            self._keys.dump(keys),
            self._versions.dump(version_rows),
        )

    def _answers(
        self, written: Sequence[Any], groups: Mapping[int, _SessionGroup], now: datetime
    ) -> list[tuple[int, list[State]]]:
        base_versions: dict[int, dict[str, int]] = {}
        sequences: dict[int, int] = {}
        for row in written:
            base_versions.setdefault(row["group_index"], {})[row["key"]] = row["base_version"]
            sequences[row["group_index"]] = row["last_sequence"]
        return [
            answer
            for index, of_keys in base_versions.items()
            for answer in groups[index].answers(of_keys, sequences[index], now)
        ]
