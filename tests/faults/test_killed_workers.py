"""Guarantee 10 from outside: workers in processes of their own, killed at random; each task is done once."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

import holdfastdb
from holdfastdb import TaskStatus
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess
from tests.support.waiting import eventually, patient

ROOT = Path(__file__).parents[2]
TASKS, WORKERS, KILLS = 1_000, 8, 15
SESSIONS = ("", "s1", "s2", "s3")
# A slow machine takes long for hundreds of tasks, and a killed worker's task waits for its lease to lapse.
PATIENCE = patient(120)


class WorkerProcesses:
    """Worker processes, half of them connected to each server. A killed one is replaced."""

    def __init__(self, directory: Path, targets: list[str]) -> None:
        self._directory = directory
        self._targets = targets
        self._numbers = count()
        self._random = random.Random(7)
        self._workers = [self._start() for _ in range(WORKERS)]

    def kill_one(self) -> None:
        """Kill a worker chosen at random and start another one."""
        place = self._random.randrange(WORKERS)
        self._end(self._workers[place])
        self._workers[place] = self._start()

    def kill_all(self) -> None:
        for worker in self._workers:
            self._end(worker)

    def done(self) -> list[str]:
        """Return what the workers have written down as done."""
        ledgers = [path.read_text() for path in self._directory.glob("*.ledger")]
        # A killed worker may have left half a line.
        return [
            line for ledger in ledgers for line in ledger.splitlines(keepends=True) if line.endswith("\n")
        ]

    def _start(self) -> subprocess.Popen[bytes]:
        number = next(self._numbers)
        target, ledger = self._targets[number % 2], self._directory / f"{number}.ledger"
        module = "tests.faults.ledger_worker"
        return subprocess.Popen(
            [sys.executable, "-m", module, target, f"worker-{number}", str(ledger)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )

    def _end(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        worker.wait()
        assert worker.stdin is not None
        worker.stdin.close()


async def fill(client: holdfastdb.AsyncClient, part: int) -> None:
    """Make a quarter of the tasks, all of one session or of none."""
    if SESSIONS[part]:
        await client.sessions.create(SESSIONS[part])
    for number in range(part, TASKS, 4):
        await client.tasks.create(
            "job", number, task_id=f"t{number}", session_id=SESSIONS[part], max_attempts=100
        )


@pytest.mark.slow
async def test_each_task_is_done_once_although_workers_are_killed(
    cluster: PostgresCluster, tmp_path: Path
) -> None:
    await migrations.upgrade(cluster.url)
    # Ten sweeps a second contend with the claims for the same rows.
    settings = {"HOLDFAST_JANITOR_SECONDS": "0.1"}
    servers = [ServerProcess(tmp_path, cluster.url, environment=settings) for _ in range(2)]
    workers: WorkerProcesses | None = None
    try:
        for server in servers:
            server.launch()
        for server in servers:
            await server.until_serving()
        workers = WorkerProcesses(tmp_path, [server.target for server in servers])
        async with connected(servers[0]) as one, connected(servers[1]) as other:
            await asyncio.gather(*(fill((one, other)[part % 2], part) for part in range(4)))
            await kill_while_they_work(workers, one)
            await check(other, workers)
        for server in servers:
            assert await server.stop() == 0
            assert "Traceback" not in server.log, server.log
    finally:
        if workers is not None:
            workers.kill_all()
        for server in servers:
            await server.kill()
    assert "deadlock" not in cluster.log, cluster.log
    assert "ERROR" not in cluster.log, cluster.log


async def kill_while_they_work(workers: WorkerProcesses, client: holdfastdb.AsyncClient) -> None:
    """Kill workers again and again, until all tasks are done."""
    for kill in range(KILLS):
        goal = (kill + 1) * TASKS // (KILLS + 2)
        await eventually(lambda goal=goal: len(workers.done()) >= goal, f"{goal} tasks", PATIENCE)  # type: ignore[misc]
        workers.kill_one()

    async def are_done() -> bool:
        done = client.tasks.list(statuses=[TaskStatus.SUCCEEDED], include_total_size=True, page_size=1)
        return (await done.page()).total_size == TASKS

    await eventually(are_done, "all tasks", PATIENCE)


async def check(client: holdfastdb.AsyncClient, workers: WorkerProcesses) -> None:
    """Check that no task was lost, and none was done twice, by what the workers wrote down."""
    written = Counter(line.strip() for line in workers.done())
    assert set(written.values()) == {1}
    tasks = [task async for task in client.tasks.list(page_size=100)]
    assert {task.task_id for task in tasks} == {f"t{number}" for number in range(TASKS)}
    assert {task.status for task in tasks} == {TaskStatus.SUCCEEDED}
    # A worker killed between the acknowledgement and its write leaves the task out of its file.
    assert TASKS - KILLS <= len(written) <= TASKS
    assert sum(task.attempts for task in tasks) >= TASKS
    for session_id in SESSIONS[1:]:
        told = [event async for event in client.history.list(session_id, page_size=1_000)]
        ends = Counter(event.task_id for event in told if event.type == "holdfast.task.succeeded")
        assert len(ends) == TASKS // 4
        assert set(ends.values()) == {1}
        # The lease of each worker that was killed at a task lapsed before the next claim of it.
        statuses = Counter(event.type for event in told)
        assert statuses["holdfast.task.running"] == statuses["holdfast.task.pending"]
