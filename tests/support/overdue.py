"""What the janitor finds overdue: a kind of row for each of its jobs that picks rows by their time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.storage.janitor.job import JobResult
from holdfastdb_server.storage.schema import requests, sessions, tasks
from holdfastdb_server.storage.store import SqlStore
from tests.support.ages import age, age_row
from tests.support.content import create, move, save, write
from tests.support.tasks import add

DAY = timedelta(days=1)
POLICY = Policy(session_purge=DAY)
"""What all kinds are overdue by once they are eight days old."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that one job of the janitor picks."""

    counts: str
    """What the job is called in SweepCounts."""
    name: sa.Column[str]
    """The column that tells the rows apart."""
    make: Callable[[SqlStore, str], Awaitable[object]]
    """Makes a row with this name."""
    time: sa.Column[datetime]
    lasts: timedelta
    """A row is overdue so long after its time."""
    left: sa.ColumnElement[bool]
    """Whether a row has not been dealt with."""
    place: int = 0
    """Which of the jobs that count the same it is."""

    async def run(self, store: SqlStore, limit: int = 10) -> JobResult:
        """Run a batch of the job."""
        jobs = [job for job in store.janitor._jobs if job.counts == self.counts]
        return await jobs[self.place].run_batch(limit)

    async def make_overdue(self, store: SqlStore, *names: str) -> None:
        """Make rows that are overdue, each one longer than the one before."""
        for hours, name in enumerate(names):
            await self.make(store, name)
            await age_row(store, self.name, name, timedelta(hours=hours))
        await age(store, 8 * DAY)

    async def names_left(self, store: SqlStore) -> list[str]:
        """Return the names of the rows that have not been dealt with."""
        query = sa.select(self.name).where(self.left).order_by(self.name)
        return list(await store._database.read(lambda connection: _scalars(connection, query)))

    async def overdue_time(self, store: SqlStore, name: str) -> datetime:
        """Return from when on a row is overdue."""
        query = sa.select(self.time).where(self.name == name)
        (time,) = await store._database.read(lambda connection: _scalars(connection, query))
        assert isinstance(time, datetime)
        return time + self.lasts


async def _scalars(connection: Any, query: sa.Select[Any]) -> Any:
    return (await connection.scalars(query)).all()


async def _make_request(store: SqlStore, name: str) -> None:
    await create(store, "of requests", retention="never")
    await save(store, write(), session_id="of requests", request_id=name)


async def _make_ended(store: SqlStore, name: str) -> None:
    await create(store, name)
    await move(store, name, SessionStatus.COMPLETED)


async def _make_checked_late(store: SqlStore, name: str) -> None:
    """Make a session as a server does whose default retention is 30 days."""
    created = await create(store, name)
    late = (
        sessions.update()
        .where(sessions.c.id == name)
        .values(expiry_check_time=created.last_activity_time + 30 * DAY)
    )
    await store._database.write(lambda connection: connection.execute(late))


_open = sessions.c.status != SessionStatus.EXPIRED
_activity = sessions.c.last_activity_time
KINDS = {
    "sessions with a retention": Kind(
        "sessions_expired",
        sessions.c.id,
        lambda store, name: create(store, name, retention=DAY),
        _activity,
        DAY,
        _open,
    ),
    "sessions": Kind("sessions_expired", sessions.c.id, create, _activity, 7 * DAY, _open, place=1),
    "sessions of a longer default": Kind(
        "sessions_expired", sessions.c.id, _make_checked_late, _activity, 7 * DAY, _open, place=2
    ),
    "ended sessions": Kind(
        "sessions_deleted", sessions.c.id, _make_ended, sessions.c.end_time, DAY, sa.true()
    ),
    "keys of tasks": Kind(
        "keys_freed",
        tasks.c.id,
        lambda store, name: add(store, name, idempotency_key=name),
        tasks.c.create_time,
        POLICY.idempotency_ttl,
        tasks.c.held_key.is_not(None),
    ),
    "requests": Kind(
        "requests_forgotten",
        requests.c.request_id,
        _make_request,
        requests.c.create_time,
        POLICY.idempotency_ttl,
        sa.true(),
    ),
}
