"""Commits of which nobody knows whether they were carried out: the connection is cut before their answer.

The caller gets DATABASE_UNAVAILABLE and sends the same request again, by whose ids it is known if it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import holdfastdb
from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.domain.tasks.moves import Lease
from holdfastdb_server.storage.store import SqlStore
from tests.support.clients import connected
from tests.support.clients import history as client_history
from tests.support.content import NAMESPACE, append, create, history, note, notes, save, write
from tests.support.databases import PostgresDatabases
from tests.support.identified import WRITES, Tenant
from tests.support.lent_stores import PLANNED
from tests.support.postgres_proxy import PostgresProxy
from tests.support.servers import ServerProcess
from tests.support.stores import StoreOpener

COMMIT, SINGLE = "COMMIT;", "WITH requested"
WAYS = pytest.mark.parametrize("way", [SINGLE, COMMIT], ids=["single statement", "planned"])
CARRIED_OUT = pytest.mark.parametrize("is_carried_out", [True, False], ids=["carried out", "lost"])

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
async def proxy(postgres: PostgresDatabases) -> AsyncIterator[PostgresProxy]:
    """A proxy in front of a database of this file's own."""
    async with postgres.fresh() as url, PostgresProxy(url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
async def stores(proxy: PostgresProxy) -> AsyncIterator[dict[str, SqlStore]]:
    """A store behind the proxy for each way to write."""
    opener = StoreOpener(proxy.url)
    yield {SINGLE: await opener(), COMMIT: await opener(**PLANNED)}
    await opener.close()


async def cut_off(
    proxy: PostgresProxy, marker: str, is_carried_out: bool, call: Callable[[], Awaitable[Any]]
) -> None:
    """Have a call fail because its connection is cut at a statement, after which it runs no other."""
    proxy.cut(marker, is_carried_out=is_carried_out)
    proxy.statements.clear()
    with pytest.raises(DatabaseUnavailable):
        await call()
    assert not proxy.is_cut_due
    writes = [text for text in proxy.statements if marker in text or "INSERT" in text or "UPDATE" in text]
    assert marker in writes[-1]
    assert sum(marker in text for text in writes) == 1


@CARRIED_OUT
@pytest.mark.parametrize("method", WRITES)
async def test_a_write_that_is_repeated_after_it_is_done_once(
    proxy: PostgresProxy, stores: dict[str, SqlStore], tenant: str, method: str, is_carried_out: bool
) -> None:
    call, store = WRITES[method], stores[COMMIT]
    disturbed, calm = await Tenant.made(store, tenant), await Tenant.made(store, f"{tenant}-calm")
    await call(calm, "r")
    await cut_off(proxy, COMMIT, is_carried_out, lambda: call(disturbed, "r"))
    answer = await call(disturbed, "r")
    assert await disturbed.seen() == await calm.seen()
    again = await call(disturbed, "r")
    assert again == answer
    assert isinstance(answer, Lease) == (method == "tasks.claim")


@WAYS
@CARRIED_OUT
async def test_events_with_ids_are_appended_once(
    proxy: PostgresProxy, stores: dict[str, SqlStore], tenant: str, way: str, is_carried_out: bool
) -> None:
    store = stores[way]
    await create(store, namespace=tenant)
    await append(store, note("before"), namespace=tenant)
    events = notes(3)
    await cut_off(proxy, way, is_carried_out, lambda: append(store, *events, namespace=tenant))
    assert len(await history(store, namespace=tenant)) == (4 if is_carried_out else 1)
    first = await store.events.append(tenant, "s", events)
    assert [receipt.sequence for receipt in first.receipts] == [2, 3, 4]
    assert await store.events.append(tenant, "s", events) == first
    assert [event.event_id for event in await history(store, namespace=tenant)] == [
        "before",
        "e1",
        "e2",
        "e3",
    ]


@WAYS
@CARRIED_OUT
async def test_events_without_ids_are_not_appended_twice(
    proxy: PostgresProxy, stores: dict[str, SqlStore], tenant: str, way: str, is_carried_out: bool
) -> None:
    store = stores[way]
    await create(store, namespace=tenant)
    await cut_off(proxy, way, is_carried_out, lambda: append(store, note(), note(), namespace=tenant))
    assert len(await history(store, namespace=tenant)) == (2 if is_carried_out else 0)


@WAYS
@CARRIED_OUT
async def test_a_save_with_a_request_id_makes_one_version(
    proxy: PostgresProxy, stores: dict[str, SqlStore], tenant: str, way: str, is_carried_out: bool
) -> None:
    store = stores[way]
    await create(store, namespace=tenant)
    await save(store, write("k"), namespace=tenant)
    wanted = [write("k", "1", expected=1), write("new", "2")]
    await cut_off(proxy, way, is_carried_out, lambda: store.states.save(tenant, "s", wanted, "r"))
    first = await store.states.save(tenant, "s", wanted, "r")
    assert [state.version for state in first] == [2, 1]
    assert await store.states.save(tenant, "s", wanted, "r") == first


@CARRIED_OUT
@pytest.mark.parametrize("marker", [SINGLE, COMMIT])
async def test_a_client_that_repeats_by_itself_is_answered_once(
    postgres: PostgresDatabases, tmp_path: Path, is_carried_out: bool, marker: str
) -> None:
    async with postgres.fresh() as url, PostgresProxy(url) as proxy:
        server = ServerProcess(tmp_path, proxy.url)
        try:
            await server.start()
            async with connected(server, namespace=NAMESPACE) as client:
                await client.sessions.create("s")
                await client.history.append("s", holdfastdb.Event.of("first", 0))
                proxy.cut(marker, is_carried_out=is_carried_out)
                if marker == SINGLE:
                    answer = await client.history.append("s", [holdfastdb.Event.of("n", n) for n in range(3)])
                    assert [receipt.sequence for receipt in answer.receipts] == [2, 3, 4]
                    assert [event.sequence for event in await client_history(client, "s")] == [1, 2, 3, 4]
                else:
                    session = await client.sessions.update("s", title="new")
                    assert (session.title, session.version) == ("new", 2)
                assert not proxy.is_cut_due
        finally:
            await server.kill()
