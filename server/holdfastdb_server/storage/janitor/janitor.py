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
from holdfastdb_server.domain.ports.janitor import SweepCounts
from holdfastdb_server.domain.ports.tasks import TaskStore
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.janitor.job import Job, counted
from holdfastdb_server.storage.janitor.leadership import Leadership
from holdfastdb_server.storage.janitor.retention import Retention
from holdfastdb_server.storage.observer import StorageObserver
from holdfastdb_server.storage.sessions.jobs import SessionJobs

_BATCH = 200
_PATIENCE = 0.5

logger = logging.getLogger("holdfast.janitor")


def jobs_of(
    sessions: SessionJobs,
    approvals: ApprovalStore,
    tasks: TaskStore,
    documents: DocumentStore,
    leftovers: Retention,
) -> list[Job]:
    """Return all jobs, what somebody may wait for first."""
    return [
        Job("leases_checked", counted(tasks.requeue_lapsed)),
        Job("approvals_expired", counted(approvals.expire)),
        Job("sessions_expired", sessions.expire_own),
        Job("sessions_expired", sessions.expire_default),
        Job("sessions_expired", sessions.expire_shortened),
        Job("documents_deleted", counted(documents.delete_lapsed)),
        Job("keys_freed", leftovers.free_keys),
        Job("requests_forgotten", leftovers.forget_requests),
        Job("requests_forgotten", leftovers.forget_session_requests),
        Job("versions_deleted", leftovers.trim_versions),
        Job("sessions_deleted", sessions.purge),
    ]


class SqlJanitor:
    """See Janitor."""

    def __init__(self, database: Database, jobs: Sequence[Job], observer: StorageObserver) -> None:
        self._chores = jobs
        self._leadership = Leadership(database, "janitor")
        self._observer = observer

    async def sweep(self, *, patient: bool = False) -> SweepCounts:
        counts: Counter[str] = Counter()
        waiting = deque(self._chores)
        while waiting and await self._has_leadership(patient):
            job = waiting[0]
            started = time.monotonic()
            done = await job.do_batch(_BATCH)
            if done.count:
                counts[job.counts] += done.count
                self._observer.swept(job.counts, done.count)
            if done.may_be_more:
                # At least half of the time is the writers'.
                await asyncio.sleep(time.monotonic() - started)
            else:
                waiting.popleft()
        await self._leadership.give_back()
        return SweepCounts(**counts)

    async def _has_leadership(self, patient: bool) -> bool:
        while not await self._leadership.take():
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
