"""The janitor: what time has overtaken goes, a little at a time."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from msgspec.structs import asdict

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.domain.ports.approvals import ApprovalStore
from holdfastdb_server.domain.ports.documents import DocumentStore
from holdfastdb_server.domain.ports.janitor import Swept
from holdfastdb_server.domain.ports.tasks import TaskStore
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.janitor.job import Chore, counted
from holdfastdb_server.storage.janitor.leadership import Turn
from holdfastdb_server.storage.janitor.retention import Leftovers
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.sessions.jobs import SessionChores

_BATCH = 200
_PATIENCE = 0.5

logger = logging.getLogger("holdfast.janitor")


def chores_of(
    sessions: SessionChores,
    approvals: ApprovalStore,
    tasks: TaskStore,
    documents: DocumentStore,
    leftovers: Leftovers,
) -> list[Chore]:
    """Return all chores, what somebody may wait for first."""
    return [
        Chore("leases_checked", counted(tasks.requeue_lapsed)),
        Chore("approvals_expired", counted(approvals.expire)),
        Chore("sessions_expired", sessions.expire_own),
        Chore("sessions_expired", sessions.expire_default),
        Chore("sessions_expired", sessions.expire_shortened),
        Chore("documents_deleted", counted(documents.delete_lapsed)),
        Chore("keys_freed", leftovers.free_keys),
        Chore("requests_forgotten", leftovers.forget_requests),
        Chore("requests_forgotten", leftovers.forget_session_requests),
        Chore("versions_deleted", leftovers.trim_versions),
        Chore("sessions_deleted", sessions.purge),
    ]


class SqlJanitor:
    """See Janitor."""

    def __init__(self, database: Database, chores: Sequence[Chore], observer: StorageObserver) -> None:
        self._chores = chores
        self._turn = Turn(database, "janitor")
        self._observer = observer

    async def sweep(self, *, patient: bool = False) -> Swept:
        """See Janitor."""
        counts: Counter[str] = Counter()
        waiting = deque(self._chores)
        while waiting and await self._has_turn(patient):
            chore = waiting[0]
            started = time.monotonic()
            done = await chore.do_batch(_BATCH)
            if done.count:
                counts[chore.counts] += done.count
                self._observer.swept(chore.counts, done.count)
            if done.may_be_more:
                # At least half of the time is the writers'.
                await asyncio.sleep(time.monotonic() - started)
            else:
                waiting.popleft()
        await self._turn.give_back()
        return Swept(**counts)

    async def _has_turn(self, patient: bool) -> bool:
        while not await self._turn.take():
            if not patient:
                return False
            await asyncio.sleep(_PATIENCE)
        return True

    async def run(self, interval: float, is_available: Callable[[], bool]) -> None:
        """Sweep every `interval` seconds, for ever."""
        while True:
            # Servers that were started together do not come together.
            await asyncio.sleep(interval * random.uniform(0.5, 1))  # noqa: S311
            if not is_available():
                continue
            try:
                swept = await self.sweep()
            except DatabaseUnavailable:
                continue  # whoever watches over the database says so
            except Exception:
                logger.exception("the janitor failed, and tries again later")
                continue
            counts = {name: count for name, count in asdict(swept).items() if count}
            if counts:
                logger.info("swept", extra=counts)
