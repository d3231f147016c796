"""Leadership: of several servers one has it, for as long as its lease is renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.janitor import leadership
from holdfastdb_server.storage.janitor.leadership import Leadership
from holdfastdb_server.storage.store import SqlStore
from tests.support.explained import statements

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
MICROSECOND = timedelta(microseconds=1)


class Clock:
    """The database's clock, which stands still."""

    def __init__(self, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        # A callable, as in SQLite's own: SQLAlchemy takes both for one statement, and keeps how it is filled.
        clock = sa.bindparam(None, callable_=lambda: self.now, type_=Micros)
        monkeypatch.setattr(type(store._database.dialect), "clock", lambda dialect: clock)


@pytest.fixture
def clock(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The database's clock."""
    return Clock(store, monkeypatch)


def of(store: SqlStore, work: str = "work") -> Leadership:
    """Return another server's leadership."""
    return Leadership(store._database, work)


async def test_a_lease_that_is_not_renewed_ends_after_30_seconds(store: SqlStore, clock: Clock) -> None:
    first, second = of(store), of(store)
    assert await first.acquire()
    clock.now = NOON + LEASE - MICROSECOND
    assert not await second.acquire()
    clock.now = NOON + LEASE
    assert await second.acquire()
    assert not await of(store).acquire()


async def test_the_leader_renews_its_lease_every_10_seconds(
    store: SqlStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    our_clock = SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(leadership, "time", SimpleNamespace(monotonic=lambda: our_clock.seconds))
    leader = of(store)
    assert await leader.acquire()
    for seconds, is_due in ((1_009.9, False), (1_010.0, True), (1_019.9, False)):
        our_clock.seconds = seconds
        with statements(store) as seen:
            assert await leader.acquire()
        assert bool(seen) is is_due
    clock.now = NOON + LEASE / 2
    our_clock.seconds = 1_020.0
    assert await leader.acquire()
    clock.now = NOON + LEASE
    assert not await of(store).acquire()


async def test_who_is_not_the_leader_asks_each_time(store: SqlStore) -> None:
    leader, other = of(store), of(store)
    assert await leader.acquire()
    assert not await other.acquire()
    assert not await other.acquire()
    await leader.release()
    assert await other.acquire()


async def test_only_the_leader_can_release_the_leadership(store: SqlStore) -> None:
    leader, other = of(store), of(store)
    assert await leader.acquire()
    await other.release()
    assert not await other.acquire()


async def test_each_work_has_a_leader_of_its_own(store: SqlStore) -> None:
    leader, of_other_work = of(store), of(store, "other work")
    assert await leader.acquire()
    assert await of_other_work.acquire()
    await leader.release()
    assert not await of(store, "other work").acquire()
    assert await of(store).acquire()
