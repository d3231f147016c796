"""What a store does in the background from its start to its close, and how it makes up for lost signals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.engines.file_lock import FileLock
from holdfastdb_server.storage.options import StartupRefused, StorageOptions
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, note
from tests.support.databases import sqlite_url
from tests.support.stores import OpenStore, StoreOpener
from tests.support.tailing import following
from tests.support.waiting import PATIENCE, eventually


def background() -> set[asyncio.Task[Any]]:
    """The tasks of all stores that are not done."""
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("holdfast-")}


@pytest.mark.parametrize("janitor_interval", [0.0, PATIENCE * 10])
async def test_its_tasks_run_until_it_is_closed(
    open_store: OpenStore, engine: str, janitor_interval: float
) -> None:
    others = background()
    store = await open_store(janitor_interval=janitor_interval, poll_interval=PATIENCE * 10)
    wanted = {"availability"} | ({"janitor"} if janitor_interval else set())
    if engine == "postgres":
        wanted |= {"announcer", "listener"} | ({"statistics"} if janitor_interval else set())
    tasks = background() - others
    assert {task.get_name() for task in tasks} - {"holdfast-opening"} == {f"holdfast-{n}" for n in wanted}
    await store.close()
    assert all(task.done() for task in tasks)


async def test_connections_are_opened_in_advance(postgres_url: str) -> None:
    opener = StoreOpener(postgres_url)
    store = await opener(pool_min=4, pool_max=5, poll_interval=PATIENCE * 10)
    await eventually(lambda: store.pool_status()["size"] >= 4, "4 connections")
    await opener.close()


async def test_a_start_that_is_refused_leaves_nothing_behind(tmp_path: Any, open_store: OpenStore) -> None:
    path = tmp_path / "newer.db"
    store = SqlStore(StorageOptions(sqlite_url(path)), Policy())
    await store.start()
    await store._database.write(
        lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    )
    await store.close()
    with pytest.raises(StartupRefused):
        await SqlStore(StorageOptions(sqlite_url(path)), Policy()).start()
    lock = FileLock(str(path))
    lock.acquire()
    lock.release()


async def test_all_who_wait_are_woken_when_the_database_is_available_again(store: SqlStore) -> None:
    with store._signals.watch("some topic") as watch:
        store._availability._set_available(False)
        assert not watch._changed.is_set()
        store._availability._set_available(True)
        assert watch._changed.is_set()


async def test_a_tail_whose_signal_was_lost_gets_the_event_by_a_poll(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(poll_interval=0.05)
    await create(store)
    async with following(store) as tail:
        await tail.until_caught_up()
        monkeypatch.setattr(store._signals, "wake", lambda topics: None)
        await append(store, note("e1"))
        await tail.until_sequence(1)


async def test_a_tail_of_another_store_gets_the_event_without_a_poll(postgres_url: str) -> None:
    opener = StoreOpener(postgres_url, poll_interval=PATIENCE * 10)
    here, there = await opener(), await opener()
    await create(here)
    async with following(there) as tail:
        await tail.until_caught_up()
        await append(here, note("e1"))
        await tail.until_sequence(1)
    await opener.close()


async def test_a_draining_store_ends_its_tails_and_goes_on_otherwise(open_store: OpenStore) -> None:
    store = await open_store(poll_interval=PATIENCE * 10)
    await create(store)
    async with following(store) as tail:
        await tail.until_caught_up()
        await store.drain_tails()
        await tail.until_ended()
    assert (await store.sessions.get(NAMESPACE, "s")).session_id == "s"
