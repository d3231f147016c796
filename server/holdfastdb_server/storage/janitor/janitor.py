"""The janitor: expires and deletes rows whose time has passed, in small transactions."""

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
from holdfastdb_server.storage.janitor.sessions import SessionJobs
from holdfastdb_server.storage.observer import StorageObserver

_ROWS_IN_BATCH = 200
# How often a patient sweep tries to become the leader.
_RETRY_SECONDS = 0.5

logger = logging.getLogger("holdfast.janitor")


def jobs_of(
    sessions: SessionJobs,
    approvals: ApprovalStore,
    tasks: TaskStore,
    documents: DocumentStore,
    retention: Retention,
) -> list[Job]:
    """Return all jobs, in the order of a sweep: first those for which callers may be waiting."""
    return [
        Job("leases_checked", counted(tasks.requeue_lapsed)),
        Job("approvals_expired", counted(approvals.expire)),
        Job("sessions_expired", sessions.expire_own),
        Job("sessions_expired", sessions.expire_default),
        Job("sessions_expired", sessions.expire_shortened),
        Job("documents_deleted", counted(documents.delete_lapsed)),
        Job("keys_freed", retention.free_keys),
        Job("requests_forgotten", retention.forget_requests),
        Job("versions_deleted", retention.trim_versions),
        Job("sessions_deleted", sessions.purge),
    ]


class SqlJanitor:
    """Carries out the port Janitor in SQL."""

    def __init__(self, database: Database, jobs: Sequence[Job], observer: StorageObserver) -> None:
        self._jobs = jobs
        self._leadership = Leadership(database, "janitor")
        self._observer = observer

    async def sweep(self, *, patient: bool = False) -> SweepCounts:
        counts: Counter[str] = Counter()
        waiting = deque(self._jobs)
        while waiting and await self._become_leader(patient):
            job = waiting[0]
            started = time.monotonic()
            result = await job.run_batch(_ROWS_IN_BATCH)
            if result.count:
                counts[job.counts] += result.count
                self._observer.swept(job.counts, result.count)
            if result.may_be_more:
                # A pause as long as the batch, so that a sweep takes at most half of the database's time.
                await asyncio.sleep(time.monotonic() - started)
            else:
                waiting.popleft()
        await self._leadership.release()
        return SweepCounts(**counts)

    async def _become_leader(self, patient: bool) -> bool:
        while not await self._leadership.acquire():
            if not patient:
                return False
            await asyncio.sleep(_RETRY_SECONDS)
        return True

    async def run(self, interval: float, is_available: Callable[[], bool]) -> None:
        """Sweep every `interval` seconds, for ever, while the database is available.

        A sweep that fails is logged, and the next one comes as usual.
        """
        while True:
            # At random, against a thundering herd of servers that were started together.
            await asyncio.sleep(interval * random.uniform(0.5, 1))  # noqa: S311
            if not is_available():
                continue
            try:
                swept = await self.sweep()
            except DatabaseUnavailable:
                continue  # Availability logs it
            except Exception:
                logger.exception("the janitor failed, and tries again later")
                continue
            counts = {name: count for name, count in asdict(swept).items() if count}
            if counts:
                logger.info("swept", extra=counts)
