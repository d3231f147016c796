"""Point reads: concurrent reads of one kind share one statement (see RequestBatcher)."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence

from msgspec import Struct

from holdfastdb_server.domain.errors import SessionNotFound, StateNotFound
from holdfastdb_server.domain.sessions import Session
from holdfastdb_server.domain.states import State
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.request_batcher import PendingRequest, RequestBatcher
from holdfastdb_server.storage.write_path.statements import Statements

_PARALLEL = 2


class Load(Struct, frozen=True):
    """Which version of a state to read; None for the newest."""

    namespace: str
    session_id: str
    key: str
    version: int | None


class PointReads:
    """Reads sessions and states by their ids. What was committed before the call is seen."""

    def __init__(
        self, database: Database, statements: Statements, observer: StorageObserver, max_waiting: int
    ) -> None:
        self._database = database
        self._sql = statements
        self._sessions: RequestBatcher[tuple[str, str], Session] = RequestBatcher(
            "sessions", self._read_sessions, observer, parallel=_PARALLEL, max_waiting=max_waiting
        )
        self._states: RequestBatcher[Load, State] = RequestBatcher(
            "states",
            self._read_states,
            observer,
            parallel=_PARALLEL,
            max_waiting=max_waiting,
            max_requests=64,  # each answer may be as large as a payload
        )
        self._heads: RequestBatcher[int, int | None] = RequestBatcher(
            "heads", self._read_heads, observer, parallel=1, max_waiting=max_waiting
        )

    def session(self, namespace: str, session_id: str) -> Future[Session]:
        """Return a session. Raises SessionNotFound."""
        return self._sessions.submit((namespace, session_id))

    def state(self, load: Load) -> Future[State]:
        """Return a version of a state. Raises SessionNotFound, StateNotFound."""
        return self._states.submit(load)

    def last_sequence(self, session_key: int) -> Future[int | None]:
        """Return a session's last sequence, or None if it is deleted."""
        return self._heads.submit(session_key)

    async def _read_sessions(self, batch: Sequence[PendingRequest[tuple[str, str], Session]]) -> None:
        params = self._sql.names.params(sorted({pending.request for pending in batch}))
        found = await self._database.select(self._sql.sessions_by_name, params)
        by_name = {(row.namespace, row.id): rows.session_of(row) for row in found}
        for pending in batch:
            session = by_name.get(pending.request)
            if session is None:
                pending.fail(SessionNotFound(pending.request[1]))
            else:
                pending.succeed(session)

    async def _read_states(self, batch: Sequence[PendingRequest[Load, State]]) -> None:
        loads = [
            (index, load.namespace, load.session_id, load.key, load.version)
            for index, load in enumerate(pending.request for pending in batch)
        ]
        params = self._sql.loads.params(loads)
        found = await self._database.select(self._sql.load_states, params)
        by_index = {row.request_index: row for row in found}
        for index, pending in enumerate(batch):
            row, load = by_index.get(index), pending.request
            if row is None:
                pending.fail(SessionNotFound(load.session_id))
            elif row.version is None:
                pending.fail(StateNotFound(load.session_id, load.key, load.version))
            else:
                pending.succeed(rows.state_of(row))

    async def _read_heads(self, batch: Sequence[PendingRequest[int, int | None]]) -> None:
        params = self._sql.keys.params([(key,) for key in {pending.request for pending in batch}])
        found = await self._database.select(self._sql.last_sequences, params)
        by_key = {row.key: row.last_sequence for row in found}
        for pending in batch:
            pending.succeed(by_key.get(pending.request))

    async def close(self) -> None:
        """Wait for the reads under way."""
        for batcher in (self._sessions, self._states, self._heads):
            await batcher.close()
