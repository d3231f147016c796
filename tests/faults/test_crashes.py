"""Guarantees 1, 2 and 4: what was acknowledged survives whatever is killed, whole and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

import holdfastdb
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected, history, take
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE
from tests.support.writers import Writers


class Savers:
    """Agents that each save numbers under a key of their own, 1 and up, until they are told to stop."""

    def __init__(self, client: holdfastdb.AsyncClient, session_id: str) -> None:
        self._client = client
        self._session_id = session_id
        self.stopping = False

    async def save(self, key: str) -> None:
        """Save until told to stop; then the version must be the number of the saves."""
        number = 0
        while not self.stopping:
            number += 1
            state = await self._save_once(key, number)
            assert state.version == number
        newest = await self._client.states.load(self._session_id, key)
        assert (newest.version, newest.value) == (number, number)

    async def _save_once(self, key: str, number: int) -> holdfastdb.State:
        request_id = str(uuid4())
        while True:
            try:
                return await self._client.states.save(self._session_id, number, key, request_id=request_id)
            except (holdfastdb.Unavailable, holdfastdb.DeadlineExceeded):
                continue


async def test_a_killed_server_loses_and_doubles_nothing(
    shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    savers = Savers(client, session_id)
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(savers.save(f"key-{number}"))
        async with Writers([client], session_id) as writers:
            for _ in range(2):
                await writers.write(100)
                await shared_server.kill()
                await shared_server.start()
            await writers.write(100)
        savers.stopping = True
    await writers.check(client)


async def test_cancelled_callers_leave_no_half_of_a_request(
    client: holdfastdb.AsyncClient, session_id: str
) -> None:
    calls = []
    for number in range(200):
        events = [holdfastdb.Event.of("part", place, run_id=f"r{number}") for place in range(5)]
        calls.append(asyncio.create_task(client.history.append(session_id, events)))
        if number % 3 == 0:
            await client.sessions.get(session_id)
            calls[number // 2 + number // 3].cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    # A cancelled call may still be in progress; a later call on the session is answered after it.
    await client.history.append(session_id, holdfastdb.Event.of("end", 0, run_id="end"))
    *events, end = await history(client, session_id)
    assert [event.sequence for event in (*events, end)] == list(range(1, len(events) + 2))
    runs = [events[start : start + 5] for start in range(0, len(events), 5)]
    assert all([event.value for event in run] == [0, 1, 2, 3, 4] for run in runs)
    assert all(len({event.run_id for event in run}) == 1 for run in runs)
    answered = {f"r{n}" for n, outcome in enumerate(outcomes) if isinstance(outcome, holdfastdb.AppendResult)}
    assert answered <= {run[0].run_id for run in runs}
    assert len(answered) < len(calls)


@pytest.fixture
async def server_on_cluster(cluster: PostgresCluster, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server on a PostgreSQL that the test may kill."""
    await migrations.upgrade(cluster.url)
    server = ServerProcess(tmp_path, cluster.url)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def test_a_server_outlives_its_database(
    server_on_cluster: ServerProcess, cluster: PostgresCluster
) -> None:
    server = server_on_cluster
    process = server.pid
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(server))
        impatient = await stack.enter_async_context(connected(server, retries=False))
        await client.sessions.create("s")
        tail = await stack.enter_async_context(client.history.tail("s"))
        async with Writers([client], "s") as writers:
            await writers.write(50)
            for end in (cluster.kill, cluster.stop):
                await take(tail, 10)
                await asyncio.to_thread(end)
                await server.until_not_serving()
                await server.until_not_serving("holdfastdb.v1.HistoryService")
                await check_that_calls_are_unavailable(impatient)
                await asyncio.to_thread(cluster.start)
                await server.until_serving()
                await server.until_serving("holdfastdb.v1.HistoryService")
                await writers.write(100)
        await writers.check(client)
        count = len(writers.acknowledged)
        async with asyncio.timeout(PATIENCE):
            rest = await take(tail, count - 20)
        assert [event.sequence for event in rest] == list(range(21, count + 1))
    assert server.pid == process
    assert "Traceback" not in server.log


async def check_that_calls_are_unavailable(client: holdfastdb.AsyncClient) -> None:
    """Check that every kind of call is refused with a hint when to try again."""
    for call in (
        client.sessions.create("t"),
        client.sessions.get("s"),
        client.sessions.list().page(),
        client.history.append("s", holdfastdb.Event.of("n", 0)),
        client.states.save("s", 0),
        client.states.load("s"),
    ):
        with pytest.raises(holdfastdb.Unavailable) as caught:
            await call
        assert caught.value.reason == holdfastdb.Reason.DATABASE_UNAVAILABLE
        assert caught.value.retry_delay is not None
        assert timedelta() < caught.value.retry_delay <= timedelta(seconds=30)
