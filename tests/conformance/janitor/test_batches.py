"""The janitor's jobs: which rows a batch deals with, and whether it says that there may be more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import pytest

from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.storage.janitor import retention as retention_jobs
from holdfastdb_server.storage.janitor import sessions as session_jobs
from holdfastdb_server.storage.janitor.job import JobResult, counted
from holdfastdb_server.storage.sessions import store as session_store
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path import transaction
from tests.support.ages import age
from tests.support.content import append, create, note, notes
from tests.support.overdue import DAY, KINDS, POLICY, Kind
from tests.support.stores import OpenStore
from tests.support.tailing import following
from tests.support.waiting import PATIENCE

MICROSECOND = timedelta(microseconds=1)
OWN, DEFAULT, LATE, ENDED, *_ = KINDS.values()
NOTHING = JobResult(0)


@pytest.fixture
async def store(open_store: OpenStore) -> SqlStore:
    """A store that deletes ended sessions."""
    return await open_store(policy=POLICY)


@contextmanager
def clock_at(moment: datetime) -> Iterator[None]:
    """Stop the clock that writes and jobs look at."""
    clock = SimpleNamespace(now=lambda zone: moment)
    with (
        mock.patch.object(retention_jobs, "datetime", clock),
        mock.patch.object(session_jobs, "datetime", clock),
        mock.patch.object(session_store, "datetime", clock),
        mock.patch.object(transaction, "datetime", clock),
    ):
        yield


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_batch_deals_with_as_many_rows_as_it_may_the_most_overdue_first(
    store: SqlStore, kind: Kind
) -> None:
    await kind.make_overdue(store, "1", "2", "3")
    assert await kind.run(store, limit=2) == JobResult(2, may_be_more=True)
    assert await kind.names_left(store) == ["1"]
    assert await kind.run(store, limit=2) == JobResult(1)
    assert await kind.names_left(store) == []
    assert await kind.run(store, limit=2) == NOTHING


@pytest.mark.parametrize(
    "kind", [OWN, DEFAULT, ENDED, *list(KINDS.values())[4:]], ids=lambda kind: kind.counts
)
async def test_a_row_is_overdue_from_its_time_on_and_not_a_microsecond_before(
    store: SqlStore, kind: Kind
) -> None:
    await kind.make(store, "1")
    overdue_time = await kind.overdue_time(store, "1")
    with clock_at(overdue_time - MICROSECOND):
        assert await kind.run(store) == NOTHING
    with clock_at(overdue_time):
        assert (await kind.run(store)).count == 1


async def test_a_session_with_activity_is_looked_at_again_only_when_it_may_expire(store: SqlStore) -> None:
    await create(store)
    await age(store, 6 * DAY)
    await append(store, note())
    await age(store, 2 * DAY)
    assert await DEFAULT.run(store, limit=1) == JobResult(0, may_be_more=True)
    assert await DEFAULT.run(store, limit=1) == NOTHING
    await age(store, 5 * DAY)
    assert await DEFAULT.run(store, limit=1) == JobResult(1, may_be_more=True)


async def test_a_session_of_another_servers_later_clock_is_not_taken_for_one_of_a_longer_default(
    store: SqlStore,
) -> None:
    created = await create(store, "before")
    with clock_at(created.create_time + timedelta(hours=1)):
        await create(store)
    assert await LATE.run(store, limit=1) == NOTHING


async def test_sessions_of_a_longer_default_are_looked_at_while_their_check_is_later_than_that_of_a_new_one(
    store: SqlStore,
) -> None:
    await LATE.make(store, "1")
    activity = await LATE.overdue_time(store, "1") - LATE.lasts
    with clock_at(activity + (30 - 7) * DAY):
        assert await LATE.run(store) == NOTHING
    with clock_at(activity + (30 - 7) * DAY - MICROSECOND):
        assert await LATE.run(store) == JobResult(1)


@pytest.mark.parametrize(("most", "together"), [(9, 1), (10, 2)])
async def test_a_batch_deletes_sessions_with_so_many_events_at_most_or_one_session(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, most: int, together: int
) -> None:
    for name in ("1", "2", "3"):
        await create(store, name)
        await append(store, *notes(3), session_id=name)
    await ENDED.make_overdue(store, "1", "2", "3")
    monkeypatch.setattr(session_jobs, "_EVENTS_DELETED", most)
    assert await ENDED.run(store) == JobResult(together, may_be_more=True)
    monkeypatch.setattr(session_jobs, "_EVENTS_DELETED", 1)
    for left in range(3 - together, 0, -1):
        assert await ENDED.run(store) == JobResult(1, may_be_more=left > 1)


async def test_the_tail_of_a_session_that_is_deleted_ends_without_a_poll(open_store: OpenStore) -> None:
    store = await open_store(policy=POLICY, poll_interval=PATIENCE * 10)
    await ENDED.make_overdue(store, "1")
    async with following(store, session_id="1") as tail:
        await tail.until_caught_up()
        await ENDED.run(store)
        assert isinstance(await tail.until_ended(), SessionNotFound)


@pytest.mark.parametrize(("count", "may_be_more"), [(0, False), (2, False), (3, True)])
async def test_a_job_that_only_counts_may_have_more_when_its_batch_was_full(
    count: int, may_be_more: bool
) -> None:
    async def run_batch(limit: int) -> int:
        return count

    assert await counted(run_batch)(3) == JobResult(count, may_be_more)
