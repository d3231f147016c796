"""Saves in one statement that wait for a row lock while other transactions save.

Their snapshot of states and requests is as old as the moment when they began to wait.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.postgres.saves import SingleStatementSaves
from holdfastdb_server.storage.schema import sessions
from holdfastdb_server.storage.store import SqlStore
from holdfastdb_server.storage.write_path.entries import Save
from holdfastdb_server.storage.write_path.statements import Statements
from holdfastdb_server.storage.write_path.transaction import Transaction
from tests.support.content import create, load_json, save, write
from tests.support.observers import CountingObserver
from tests.support.saves import KEPT, request, saved, stored
from tests.support.waiting import eventually


@pytest.fixture
async def store(two_stores: tuple[SqlStore, SqlStore]) -> SqlStore:
    """A started store on PostgreSQL, with a session `s`."""
    await create(two_stores[0])
    return two_stores[0]


@pytest.fixture
def observer() -> CountingObserver:
    """What is told of it."""
    return CountingObserver()


@pytest.fixture
def writer(store: SqlStore, observer: CountingObserver) -> SingleStatementSaves:
    """What is tested."""
    return SingleStatementSaves(store._database, PostgresDialect(), KEPT, observer)


async def is_anyone_waiting(store: SqlStore) -> bool:
    """Whether a statement in this database waits for a lock."""
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return bool(await store._database.read(lambda connection: connection.scalar(query)))


async def carry_out(connection: AsyncConnection, save: Save) -> None:
    """Carry out a save in a planned transaction."""
    transaction = Transaction(connection, Statements(PostgresDialect()), KEPT)
    await transaction.lock([(save.namespace, save.session_id)])
    session = transaction.session(save.namespace, save.session_id)
    await transaction.look_up_heads([(session, write.key) for write in save.writes])
    save.plan(transaction)
    await transaction.write()


@pytest.fixture
async def overtaken(store: SqlStore) -> Any:
    """Start some saves, which wait; meanwhile save for others, and let them go on."""
    await save(store, write("k", "1"))

    async def run(
        writer: SingleStatementSaves, *requests: Save, others: list[Save]
    ) -> list[list[int] | None]:
        async with store._database._writer.connect() as connection, connection.begin():
            await connection.execute(sa.select(sessions).with_for_update(key_share=True))
            waiting = asyncio.create_task(saved(writer, *requests))
            await eventually(lambda: is_anyone_waiting(store), "a save that waits for the lock")
            for other in others:
                await carry_out(connection, other)
        return await waiting

    return run


async def test_versions_follow_what_others_saved(
    store: SqlStore, writer: SingleStatementSaves, overtaken: Any
) -> None:
    others = [request(write("k")), request(write("k")), request(write("new"))]
    requests = [request(write("k", "9")), request(write("new", "9"))]
    assert await overtaken(writer, *requests, others=others) == [[4], [2]]
    assert await load_json(store, "k") == "9"
    assert await stored(store) == [*(("k", n) for n in (2, 3, 4)), ("new", 1), ("new", 2)]


async def test_a_guard_that_was_overtaken_lets_nothing_be_written(
    store: SqlStore, writer: SingleStatementSaves, overtaken: Any
) -> None:
    requests = [request(write("k", "9", expected=1), write("beside"))]
    assert await overtaken(writer, *requests, others=[request(write("k"))]) == [None]
    assert await stored(store) == [("k", 1), ("k", 2)]


async def test_a_guard_that_fits_what_others_saved_holds(
    store: SqlStore, writer: SingleStatementSaves, overtaken: Any
) -> None:
    requests = [request(write("k", "9", expected=2))]
    assert await overtaken(writer, *requests, others=[request(write("k"))]) == [[3]]
    assert await load_json(store, "k") == "9"


async def test_an_id_that_was_taken_meanwhile_lets_nothing_be_written(
    store: SqlStore, writer: SingleStatementSaves, observer: CountingObserver, overtaken: Any
) -> None:
    requests = [request(write("k", "9"), request_id="r")]
    assert await overtaken(writer, *requests, others=[request(write("other"), request_id="r")]) == [None]
    assert await stored(store) == [("k", 1), ("other", 1)]
    assert observer.fell_back == {("save", "checks"): 1}


async def test_what_it_could_not_see_to_delete_goes_at_the_next_save(store: SqlStore, overtaken: Any) -> None:
    writer = SingleStatementSaves(store._database, PostgresDialect(), 1, NoObserver())
    assert await overtaken(writer, request(write("k")), others=[request(write("k"))]) == [[3]]
    assert await stored(store) == [("k", 2), ("k", 3)]
    assert await saved(writer, request(write("k"))) == [[4]]
    assert await stored(store) == [("k", 4)]
