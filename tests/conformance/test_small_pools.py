"""A pool of few connections: the calls wait for each other, and none for one that is kept for nobody."""

from __future__ import annotations

import asyncio

import pytest

from holdfast_server.domain.sessions import SessionChange, SessionFields
from holdfast_server.domain.states import StateWrite
from holdfast_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, history, note
from tests.support.stores import StoreOpener


@pytest.mark.parametrize("connections", [1, 2, 3])
async def test_a_crowd_is_served(postgres_url: str, connections: int) -> None:
    opener = StoreOpener(postgres_url)
    store = await opener(pool_min=1, pool_max=connections, pool_timeout=1.0)
    await create(store)

    async def work(number: int) -> None:
        for turn in range(5):
            await append(store, note(f"{number}-{turn}"))
            await store.states.save(NAMESPACE, "s", [StateWrite(f"k{number}", Payload(json="1"))])
            await store.sessions.update(NAMESPACE, "s", SessionChange(SessionFields(title=f"{number}")))
            await store.states.load(NAMESPACE, "s", f"k{number}")
            await store.sessions.get(NAMESPACE, "s")

    await asyncio.gather(*map(work, range(6)))
    assert len(await history(store)) == 30
    await opener.close()
