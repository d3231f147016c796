"""Janitor: several servers, concurrent writers, and what a sweep reads."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.ports import SweepCounts
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.storage.sessions.resource import session_resource
from holdfastdb_server.storage.store import SqlStore
from tests.support.ages import age
from tests.support.content import NAMESPACE, append, create, history, notes, save, write
from tests.support.explained import explainer, statements
from tests.support.stores import StoreOpener

NOTHING = SweepCounts()
DAY = timedelta(days=1)


async def test_writers_go_on_while_sessions_expire(store: SqlStore) -> None:
    """An append or a transition comes before the expiry or after it, and neither is lost."""
    names = [f"s{number}" for number in range(40)]
    await asyncio.gather(*(create(store, name) for name in names))
    await age(store, 8 * DAY)

    async def write_to(name: str, number: int) -> None:
        await append(store, *notes(1), session_id=name)
        if number % 2:
            await store.sessions.transition(NAMESPACE, name, Transition(SessionStatus.ACTIVE))

    sweep = asyncio.create_task(store.janitor.sweep())
    outcomes = await asyncio.gather(
        *(write_to(name, number) for number, name in enumerate(names)), return_exceptions=True
    )
    expired = (await sweep).sessions_expired
    found = [await store.sessions.get(NAMESPACE, name) for name in names]
    assert [s.status for s in found].count(SessionStatus.EXPIRED) == expired
    for session, outcome in zip(found, outcomes, strict=True):
        events = await history(store, session.session_id)
        assert [event.sequence for event in events] == list(range(1, session.last_sequence + 1))
        assert [e.type for e in events].count("note") == 1
        ended = [e.type for e in events].count("holdfast.session.expired")
        assert ended == (session.status is SessionStatus.EXPIRED)
        assert outcome is None or ended


async def test_two_servers_share_the_work_and_none_is_done_twice(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    names = [f"s{number}" for number in range(210)]
    await asyncio.gather(*(create(two_stores[0], name) for name in names))
    await age(two_stores[0], 8 * DAY)
    swept = await asyncio.gather(*(store.janitor.sweep(patient=True) for store in two_stores))
    assert sum(each.sessions_expired for each in swept) == len(names)
    assert min(each.sessions_expired for each in swept) == 0
    for name in names[::50]:
        assert len(await history(two_stores[1], name)) == 1


async def test_while_one_server_sweeps_another_leaves_it_to_it(
    two_stores: tuple[SqlStore, SqlStore],
) -> None:
    first, second = two_stores
    await create(first)
    await age(first, 8 * DAY)
    assert await first.janitor._leadership.acquire()
    assert await second.janitor.sweep() == NOTHING
    waiting = asyncio.create_task(second.janitor.sweep(patient=True))
    await first.janitor._leadership.release()
    assert await waiting == SweepCounts(sessions_expired=1)


async def test_the_leadership_of_a_server_that_died_expires(two_stores: tuple[SqlStore, SqlStore]) -> None:
    first, second = two_stores
    await create(first)
    assert await first.janitor._leadership.acquire()
    await age(first, 8 * DAY)
    assert await second.janitor.sweep() == SweepCounts(sessions_expired=1)


async def test_what_a_writer_has_locked_is_passed_over(two_stores: tuple[SqlStore, SqlStore]) -> None:
    first, second = two_stores
    await create(first, "busy")
    await create(first, "idle")
    await age(first, 8 * DAY)

    sessions = session_resource(first._database.dialect)

    async def hold(connection: AsyncConnection) -> SweepCounts:
        await sessions.require(connection, NAMESPACE, "busy", for_update=True)
        return await second.janitor.sweep()

    assert await first._database.write(hold) == SweepCounts(sessions_expired=1)
    assert await second.janitor.sweep() == SweepCounts(sessions_expired=1)


async def test_no_job_reads_a_whole_table(open_store: StoreOpener) -> None:
    store = await open_store(policy=Policy(session_purge=DAY, state_versions_kept=1))
    await create(store)
    await save(store, write())
    with statements(store) as seen:
        await store.janitor.sweep()
    assert len(seen) > 10
    async with explainer(open_store.url, of_small_tables=True) as explains:
        for statement in seen:
            for access in await explains.accesses(statement):
                assert access.index is not None, (access, statement)
