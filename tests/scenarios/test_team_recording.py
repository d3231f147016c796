"""System 5: recording never holds up the runner's threads, and loses nothing."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

import holdfastdb
from holdfastdb import Event, Recorder
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import FAST_RECONNECT
from tests.support.postgres import PostgresCluster
from tests.support.processes import free_port
from tests.support.recording_agents import RecordingAgents
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually, patient


def test_recording_never_waits_for_a_server_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """Never in the way: recording is non-blocking ...; failures are logged and counted."""
    with caplog.at_level(logging.WARNING, "holdfast.recorder"):
        recorder = Recorder(f"127.0.0.1:{free_port()}", max_events=100)
        began = time.monotonic()
        for number in range(1_000):
            recorder.record("team", Event.of("agent.thought", number))
        recorder.record("team", Event.of("agent.thought", 0, labels={"not a text": 7}))  # type: ignore[dict-item]
        assert time.monotonic() - began < patient(5)
        assert recorder.stats.pending == 100
        assert recorder.stats.dropped == 901
        assert not recorder.close(timeout=0)
    stats = recorder.stats
    assert (stats.recorded, stats.written, stats.dropped, stats.pending) == (1_001, 0, 1_001, 0)
    assert "dropped 900 events: the buffer is full" in caplog.text
    assert "dropped 100 events: the recorder was closed" in caplog.text


@asynccontextmanager
async def held(database_url: str) -> AsyncIterator[None]:
    """Have nobody write to the database for as long as the block lasts."""
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
        file.close()
        return
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        yield
    await connection.close()


async def test_a_slow_database_never_slows_the_agents(
    blocking_client: holdfastdb.Client, shared_server: ServerProcess, tenant: str
) -> None:
    """... a database that is ... slow never stops or slows the agents ..."""
    with Recorder(
        shared_server.target, namespace=tenant, create_sessions=True, options=FAST_RECONNECT
    ) as recorder:
        blocking_client.sessions.create("agent-0")
        async with held(shared_server.database_url):
            with RecordingAgents(recorder, agents=2, pace=0.002) as agents:
                await eventually(lambda: min(agents.recorded.values()) >= 200)
            assert recorder.stats.written == 0
        assert agents.greatest_delay < patient(1)
        assert await asyncio.to_thread(recorder.flush, PATIENCE)
        await asyncio.to_thread(agents.check, blocking_client)


@pytest.fixture
async def stoppable(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[ServerProcess, PostgresCluster | None]]:
    """A server, and the database that can be stopped under it: on SQLite that is the server itself."""
    cluster: PostgresCluster | None = None
    if engine == "postgres":
        cluster = request.getfixturevalue("cluster")
        assert cluster is not None
        url = cluster.url
        await migrations.upgrade(url)
    else:
        url = ""
    server = ServerProcess(tmp_path, url)
    try:
        await server.start()
        yield server, cluster
    finally:
        await server.kill()


async def test_a_stopped_database_never_holds_up_the_agents_and_loses_nothing(
    stoppable: tuple[ServerProcess, PostgresCluster | None], caplog: pytest.LogCaptureFixture
) -> None:
    """... a database that is down ... never stops or slows the agents; failures are logged and counted; what
    was buffered is written once it is back. (For 20 seconds, and in milliseconds: `make bench`.)"""
    server, cluster = stoppable
    with (
        caplog.at_level(logging.WARNING, "holdfast.recorder"),
        holdfastdb.connect_sync(server.target, options=FAST_RECONNECT, timeout=patient(10)) as client,
    ):
        recorder = Recorder(server.target, create_sessions=True, options=FAST_RECONNECT)
        with RecordingAgents(recorder, agents=3, pace=0.005) as agents:
            await eventually(lambda: recorder.stats.written > 50)
            if cluster is None:
                await server.kill()
            else:
                await asyncio.to_thread(cluster.stop)
            stopped = sum(agents.recorded.values())
            # About 3 seconds: longer than the calls' own retries.
            await eventually(lambda: sum(agents.recorded.values()) > stopped + 1_800)
            assert recorder.stats.pending >= 1_800
            if cluster is None:
                await server.start()
            else:
                await asyncio.to_thread(cluster.start)
            resumed = recorder.stats.written
            await eventually(lambda: recorder.stats.written > resumed)
        assert agents.greatest_delay < patient(1)
        assert await asyncio.to_thread(recorder.close, PATIENCE)
        stats = recorder.stats
        assert (stats.written, stats.dropped, stats.pending) == (sum(agents.recorded.values()), 0, 0)
        await asyncio.to_thread(agents.check, client)
    assert "cannot write now" in caplog.text


def test_many_threads_record_into_one_recorder(
    recorder: Recorder, blocking_client: holdfastdb.Client
) -> None:
    """Thread-safe: many threads record into one client."""
    blocking_client.sessions.create("team")
    together = threading.Barrier(16)

    def agent(name: str) -> None:
        together.wait()
        for number in range(50):
            recorder.record("team", Event.of("agent.thought", number, actor=name))

    threads = [threading.Thread(target=agent, args=(f"agent-{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorder.flush()
    events = list(blocking_client.history.list("team", page_size=1_000))
    assert [event.sequence for event in events] == list(range(1, 16 * 50 + 1))
    for number in range(16):
        said = [event.value for event in events if event.actor == f"agent-{number}"]
        assert said == list(range(50))


def test_many_threads_use_one_client(blocking_client: holdfastdb.Client) -> None:
    """Thread-safe: ... one client."""
    blocking_client.sessions.create("team")
    tasks = [blocking_client.tasks.create("part").task_id for _ in range(40)]
    done: list[str] = []

    def worker(name: str) -> None:
        while lease := blocking_client.tasks.claim(kinds=["part"], worker_id=name):
            with lease:
                blocking_client.history.append("team", Event.of("done", lease.task.task_id, actor=name))
            done.append(lease.task.task_id)

    threads = [threading.Thread(target=worker, args=(f"worker-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted(tasks)
    assert len(list(blocking_client.history.list("team", types=["done"]))) == 40
