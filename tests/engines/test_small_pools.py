"""The pool: with few connections no call starves, and a connection that died is not used."""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.sessions import SessionChange, SessionFields
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, history, note
from tests.support.stores import StoreOpener
from tests.support.waiting import patient


@pytest.mark.parametrize("connections", [1, 2, 3])
async def test_more_callers_than_connections_are_all_served(postgres_url: str, connections: int) -> None:
    opener = StoreOpener(postgres_url)
    store = await opener(pool_min=1, pool_max=connections, pool_timeout=patient(10))
    await create(store)

    async def work(number: int) -> None:
        for turn in range(5):
            await append(store, note(f"{number}-{turn}"))
            await store.states.save(NAMESPACE, "s", [StateWrite(f"k{number}", Payload(json="1"))])
            change = SessionChange(SessionFields(title=f"{number}"), frozenset({"title"}))
            await store.sessions.update(NAMESPACE, "s", change)
            await store.states.load(NAMESPACE, "s", f"k{number}")
            await store.sessions.get(NAMESPACE, "s")

    await asyncio.gather(*map(work, range(6)))
    assert len(await history(store)) == 30
    await opener.close()


async def test_a_connection_that_died_in_the_pool_is_not_used(postgres_url: str) -> None:
    opener = StoreOpener(postgres_url)
    store = await opener(pool_min=1, pool_max=4)
    await create(store)
    engine = store._database._writer
    await store._database._raw_connections.close()
    connections = [await engine.connect() for _ in range(3)]
    drivers = [(await connection.get_raw_connection()).driver_connection for connection in connections]
    for connection in connections:
        await connection.close()
    for driver in drivers:
        assert driver is not None
        driver.terminate()
    assert await append(store, note("after")) == [1]
    await opener.close()
