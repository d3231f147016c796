"""A Recorder whose server and database stop and start."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from holdfastdb import Event, Recorder, RecorderStats
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected, history
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually

FAST_RECONNECT = (("grpc.max_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 500))
AGENTS = 4
EVENTS = 100


def record(recorder: Recorder, agent: int, first: int) -> None:
    """Record as an agent does, in a thread of its own."""
    for number in range(first, first + EVENTS):
        recorder.record("run", Event.of("step", number, actor=f"agent-{agent}"))


def record_all(recorder: Recorder, first: int) -> None:
    agents = [threading.Thread(target=record, args=(recorder, agent, first)) for agent in range(AGENTS)]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join()


async def check(server: ServerProcess, count: int, namespace: str = "default") -> None:
    """Every agent's events are there once, in their order."""
    async with connected(server, namespace=namespace) as client:
        events = await history(client, "run")
    assert len(events) == AGENTS * count
    for agent in range(AGENTS):
        assert [e.value for e in events if e.actor == f"agent-{agent}"] == list(range(count))


async def test_a_killed_server_gets_what_was_recorded_meanwhile(
    shared_server: ServerProcess, tenant: str
) -> None:
    server = shared_server
    async with Recorder(
        server.target, namespace=tenant, create_sessions=True, options=FAST_RECONNECT
    ) as recorder:
        record_all(recorder, 0)
        await server.kill()
        record_all(recorder, EVENTS)
        await server.start()
        record_all(recorder, 2 * EVENTS)
        assert await asyncio.to_thread(recorder.flush, PATIENCE)
        total = AGENTS * EVENTS * 3
        assert recorder.stats == RecorderStats(recorded=total, written=total, dropped=0, pending=0)
    await check(server, 3 * EVENTS, tenant)


async def test_a_stopped_database_gets_what_was_recorded_meanwhile_once_it_is_back(
    cluster: PostgresCluster, tmp_path: Path
) -> None:
    await migrations.upgrade(cluster.url)
    server = ServerProcess(tmp_path, cluster.url)
    try:
        await server.start()
        async with Recorder(server.target, create_sessions=True, options=FAST_RECONNECT) as recorder:
            record_all(recorder, 0)
            await eventually(lambda: recorder.stats.written > 0)
            await asyncio.to_thread(cluster.kill)
            record_all(recorder, EVENTS)
            assert not await asyncio.to_thread(recorder.flush, 0.05)
            await asyncio.to_thread(cluster.start)
            assert await asyncio.to_thread(recorder.flush, PATIENCE)
            assert recorder.stats.dropped == 0
        await check(server, 2 * EVENTS)
    finally:
        await server.kill()
