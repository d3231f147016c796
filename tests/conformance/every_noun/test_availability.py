"""What the port promises while the database cannot be reached, or has another schema.

Only PostgreSQL can be unreachable: a SQLite file is on the machine of its server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable, SchemaMismatch
from holdfastdb_server.domain.events import EventFilter, EventGrouping, Replacement
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionFields,
    SessionFilter,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StateFilter, StatePatch, StateSelection
from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.options import StartupRefused
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import (
    EVERYTHING,
    NAMESPACE,
    append,
    create,
    draft,
    history,
    note,
    notes,
    save,
    write,
)
from tests.support.databases import PostgresDatabases, sqlite_url
from tests.support.postgres import PostgresCluster
from tests.support.stores import StoreOpener
from tests.support.tailing import following
from tests.support.waiting import PATIENCE, eventually, patient

RETITLED = SessionChange(SessionFields(title="t"), frozenset({"title"}))

CALLS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "create": lambda store: store.sessions.create(NAMESPACE, draft("new")),
    "get": lambda store: store.sessions.get(NAMESPACE, "s"),
    "list sessions": lambda store: store.sessions.list(NAMESPACE, SessionFilter(), PageRequest(10)),
    "update": lambda store: store.sessions.update(NAMESPACE, "s", RETITLED),
    "transition": lambda store: store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.ACTIVE)),
    "delete": lambda store: store.sessions.delete(NAMESPACE, "s"),
    "fork": lambda store: store.sessions.fork(NAMESPACE, "s", ForkDraft("f")),
    "save": lambda store: store.states.save(NAMESPACE, "s", [write("k", "1")]),
    "patch": lambda store: store.states.patch(NAMESPACE, "s", StatePatch("k", '{"a":1}')),
    "load": lambda store: store.states.load(NAMESPACE, "s", "k"),
    "list states": lambda store: store.states.list(NAMESPACE, "s", StateFilter(), PageRequest(10)),
    "delete states": lambda store: store.states.delete(NAMESPACE, "s", StateSelection()),
    "append": lambda store: store.events.append(NAMESPACE, "s", [note("new")]),
    "list events": lambda store: store.events.list(NAMESPACE, "s", EVERYTHING, PageRequest(10)),
    "list a trace": lambda store: store.events.list_trace(
        NAMESPACE, EventFilter(trace_id="x"), PageRequest(10)
    ),
    "replace": lambda store: store.events.replace(NAMESPACE, "s", Replacement()),
    "summarize": lambda store: store.events.summarize(NAMESPACE, "s", EVERYTHING, [EventGrouping.TYPE], 0),
}


@pytest.fixture
async def opener(cluster: PostgresCluster, postgres_options: dict[str, Any]) -> AsyncIterator[StoreOpener]:
    """Opens stores on a migrated database of the test's own cluster."""
    await migrations.upgrade(cluster.url)
    opener = StoreOpener(cluster.url, **postgres_options)
    yield opener
    await opener.close()


async def open_polling_often(opener: StoreOpener) -> SqlStore:
    return await opener(poll_interval=0.05, connect_timeout=patient(2))


async def available(store: SqlStore) -> None:
    await eventually(lambda: store.is_available, "available")


async def test_while_the_database_is_stopped_every_method_raises_database_unavailable(
    cluster: PostgresCluster, opener: StoreOpener
) -> None:
    store = await open_polling_often(opener)
    await create(store)
    await append(store, *notes(3))
    await save(store, write("k", "{}"))
    before = await store.sessions.get(NAMESPACE, "s"), await history(store)
    cluster.kill()
    for call in CALLS.values():
        with pytest.raises(DatabaseUnavailable):
            await call(store)
    await eventually(lambda: not store.is_available, "not available")
    cluster.start()
    await available(store)
    assert (await store.sessions.get(NAMESPACE, "s"), await history(store)) == before
    for name, call in CALLS.items():
        if name != "delete":
            await call(store)


async def test_a_store_may_start_before_its_database(cluster: PostgresCluster, opener: StoreOpener) -> None:
    cluster.stop()
    store = await open_polling_often(opener)
    seen: list[bool] = []
    store.on_availability(seen.append)
    assert not store.is_available
    with pytest.raises(DatabaseUnavailable):
        await create(store)
    cluster.start()
    await available(store)
    await create(store)
    cluster.stop()
    await eventually(lambda: not store.is_available, "not available")
    assert seen == [False, True, False]


async def test_an_answered_append_outlives_a_killed_database_and_an_unanswered_one_can_be_repeated(
    cluster: PostgresCluster, opener: StoreOpener
) -> None:
    store = await open_polling_often(opener)
    await create(store)
    answered: set[str] = set()

    async def writer(name: str) -> None:
        for number in range(15):
            event = note(f"{name}-{number}")

            async def once() -> bool:
                try:
                    await append(store, event)  # noqa: B023 -- awaited in this round
                except DatabaseUnavailable:
                    return False
                return True

            await eventually(once, f"append of {event.event_id}")
            answered.add(event.event_id)

    writers = asyncio.gather(*(writer(f"w{number}") for number in range(6)))
    for goal in (15, 50):
        await eventually(lambda: len(answered) >= goal, "some appends")  # noqa: B023
        cluster.kill()
        missing = answered.copy()
        cluster.start()
        await available(store)
        assert missing <= {event.event_id for event in await history(store)}
    await writers
    events = await history(store)
    assert [event.sequence for event in events] == list(range(1, 91))
    assert {event.event_id for event in events} == answered


async def test_a_tail_waits_while_the_database_is_stopped_and_misses_nothing(
    cluster: PostgresCluster, opener: StoreOpener
) -> None:
    store = await open_polling_often(opener)
    await create(store)
    await append(store, *notes(2))
    async with following(store) as tail:
        await tail.until_caught_up()
        for round_number in range(3):
            cluster.kill()
            await eventually(lambda: not store.is_available, "not available")
            cluster.start()
            await available(store)
            await append(store, *notes(2, f"r{round_number}-"))
        await tail.until_sequence(8)
        assert tail.sequences == list(range(1, 9))
        assert len(tail.caught_up) == 1


async def test_what_another_store_appended_meanwhile_is_delivered_too(
    cluster: PostgresCluster, opener: StoreOpener
) -> None:
    here, there = await open_polling_often(opener), await open_polling_often(opener)
    await create(here)
    async with following(here) as tail:
        await tail.until_caught_up()
        cluster.restart()
        await available(there)

        async def appended() -> bool:
            try:
                await append(there, *notes(3))
            except DatabaseUnavailable:
                return False
            return True

        await eventually(appended, "the append")
        await tail.until_sequence(3)
        assert tail.sequences == [1, 2, 3]


async def test_closing_a_store_waits_for_no_time_limit_of_a_stopped_database(
    cluster: PostgresCluster, opener: StoreOpener
) -> None:
    store = await opener(
        pool_timeout=10 * PATIENCE, connect_timeout=10 * PATIENCE, statement_timeout=10 * PATIENCE
    )
    await create(store)
    cluster.kill()
    # Far below each time limit: it waits for none of them.
    async with asyncio.timeout(PATIENCE):
        await store.close()


async def test_a_postgresql_database_without_a_schema_is_refused(postgres: PostgresDatabases) -> None:
    async with postgres.empty() as url:
        with pytest.raises(StartupRefused, match="holdfast migrate"):
            await StoreOpener(url)()


async def test_a_newer_schema_is_refused(engine: str, database_url: str, tmp_path: Any) -> None:
    url = database_url
    await set_revision(url, "9999")
    with pytest.raises(StartupRefused, match="newer"):
        await StoreOpener(url)()


@pytest.mark.postgres
async def test_methods_raise_schema_mismatch_while_the_schema_is_not_ours(
    postgres: PostgresDatabases,
) -> None:
    async with postgres.fresh() as url:
        opener = StoreOpener(url)
        store = await opener(poll_interval=0.05)
        await create(store)
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("ALTER TABLE events RENAME COLUMN type TO kind_of_event")
            with pytest.raises(SchemaMismatch):
                await append(store, note("e1"))
            await connection.execute("ALTER TABLE events RENAME COLUMN kind_of_event TO type")
        finally:
            await connection.close()
        assert await append(store, note("e1")) == [1]
        await opener.close()


async def test_a_sqlite_file_is_migrated_when_the_store_starts(tmp_path: Any) -> None:
    url = sqlite_url(tmp_path / "new.db")
    opener = StoreOpener(url)
    store = await opener()
    assert store.is_available
    await create(store)
    await opener.close()
    assert (await migrations.inspect(url)).is_current


async def test_a_sqlite_file_has_one_store_at_a_time(tmp_path: Any) -> None:
    opener = StoreOpener(sqlite_url(tmp_path / "one.db"))
    store = await opener()
    await create(store)
    with pytest.raises(StartupRefused):
        await opener()
    await store.close()
    again = await opener()
    assert (await again.sessions.get(NAMESPACE, "s")).session_id == "s"
    await opener.close()


async def set_revision(url: str, revision: str) -> None:
    """Make a database say that it has another schema than ours."""
    if url.startswith("sqlite"):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            file.execute("UPDATE alembic_version SET version_num = ?", (revision,))
            file.commit()
        return
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    await connection.close()
