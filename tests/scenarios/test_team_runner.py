"""System 5: a runner of multi-agent teams shows live on a web page what its agents do, and is never held up.

The runner works with threads: it uses the blocking client, and a Recorder.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import holdfastdb
from holdfastdb import Event, Recorder, RunStatus, TaskStatus, TokenUsage
from holdfastdb_server.storage.engines import migrations
from tests.scenarios.conftest import restart
from tests.support.clients import QUICK
from tests.support.crew import Crew
from tests.support.postgres import PostgresCluster
from tests.support.processes import free_port
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually, patient

Agent = Callable[[Callable[[str, object], None]], str]
"""Does its part of the work, tells what happens as it happens, and returns a summary."""


class TeamRunner:
    """Runs a team of agents on a task, each in a thread, and records everything."""

    def __init__(self, client: holdfastdb.Client, recorder: Recorder, session_id: str) -> None:
        self.session_id = session_id
        self._client = client
        self._recorder = recorder
        client.sessions.create(session_id)

    def submit(self, goal: str) -> str:
        """Put a task in, and return its id."""
        return self._client.tasks.create("team", {"goal": goal}, session_id=self.session_id).task_id

    def run(self, task_id: str, team: dict[str, Agent]) -> holdfastdb.Task:
        """Have the team do the task, and return the task as it is in the end."""
        lease = self._client.tasks.claim(task_id=task_id, worker_id="runner")
        assert lease is not None
        with lease:
            errors: list[str] = []
            threads = [
                threading.Thread(target=self._run_agent, args=(task_id, name, agent, errors))
                for name, agent in team.items()
            ]
            for thread in threads:
                thread.start()
            for done, thread in enumerate(threads, start=1):
                thread.join()
                lease.report(phase=f"{done} of {len(team)} agents done", result={"done": done})
            self._recorder.flush()
            if errors:
                lease.fail("; ".join(errors))
            else:
                lease.succeed({"summary": f"{len(team)} agents agreed"})
        return self._client.tasks.get(task_id)

    def _run_agent(self, task_id: str, name: str, agent: Agent, errors: list[str]) -> None:
        run = self._client.runs.start(agent_id=name, session_id=self.session_id, task_id=task_id).run_id
        self._client.runs.update(run, status=RunStatus.RUNNING)

        def tell(kind: str, value: object) -> None:
            event = Event.of(kind, value, actor=name, task_id=task_id, run_id=run)
            self._recorder.record(self.session_id, event)

        try:
            summary = agent(tell)
        except ValueError as error:
            errors.append(f"{name}: {error}")
            self._client.runs.fail(run, str(error))
        else:
            self._client.runs.complete(run, summary, usage=TokenUsage(input_tokens=900, output_tokens=100))


def thinker(tell: Callable[[str, object], None]) -> str:
    for number in range(3):
        tell("agent.thought", {"number": number})
    return "thought three times"


def stumbler(tell: Callable[[str, object], None]) -> str:
    tell("agent.thought", {"number": 0})
    raise ValueError("no such tool")


class WebPage:
    """Shows the events of a session as they come, from where it last was."""

    def __init__(self, client: holdfastdb.Client, session_id: str, after: int = 0) -> None:
        self.shown: list[Event] = []
        self._tail = client.history.tail(session_id, after)
        self._thread = threading.Thread(target=self._show)
        self._thread.start()

    def until(self, count: int) -> list[int]:
        """Wait until it shows so many events, and return their sequences."""
        asyncio.run(eventually(lambda: len(self.shown) >= count, f"{count} events on the page"))
        return [event.sequence for event in self.shown]

    def leave(self) -> int:
        """Close the page, and return where it was."""
        self._tail.close()
        self._thread.join()
        return self._tail.last_sequence

    def _show(self) -> None:
        for event in self._tail:
            self.shown.append(event)


@pytest.fixture
def recorder(shared_server: ServerProcess, tenant: str) -> Iterator[Recorder]:
    """A recorder of the tenant, on each engine in turn."""
    with Recorder(shared_server.target, namespace=tenant, options=QUICK) as recorder:
        yield recorder


@pytest.fixture
def runner(blocking_client: holdfastdb.Client, recorder: Recorder) -> TeamRunner:
    return TeamRunner(blocking_client, recorder, "team")


def test_a_team_goes_on_after_a_restart_while_a_page_watches(
    runner: TeamRunner, blocking_client: holdfastdb.Client, shared_server: ServerProcess
) -> None:
    """The whole story: a team at work, a page that watches, a restart in the middle, and a second task."""
    page = WebPage(blocking_client, "team")
    try:
        first = runner.run(runner.submit("Plan"), {"planner": thinker, "critic": thinker})
        second = runner.submit("Build")
        restart(shared_server)
        last = runner.run(second, {"builder": thinker, "tester": stumbler})
        everything = list(blocking_client.history.list("team", page_size=1_000))
        assert page.until(len(everything)) == list(range(1, len(everything) + 1))
        assert page.shown == everything
    finally:
        page.leave()
    assert (first.status, last.status) == (TaskStatus.SUCCEEDED, TaskStatus.FAILED)
    assert last.error == "tester: no such tool"
    thoughts = [event for event in everything if event.type == "agent.thought"]
    assert len(thoughts) == 3 + 3 + 3 + 1


def test_events_are_kept_and_shown_live_in_order(
    runner: TeamRunner, blocking_client: holdfastdb.Client, recorder: Recorder
) -> None:
    """Event log: each event is kept (type, agent, payload, time) and shown live, in order."""
    page = WebPage(blocking_client, "team")
    try:
        for number in range(20):
            recorder.record("team", Event.of("agent.thought", {"number": number}, actor="planner"))
            assert page.until(number + 1)[-1] == number + 1
    finally:
        page.leave()
    for number, event in enumerate(page.shown):
        assert (event.type, event.actor, event.value) == ("agent.thought", "planner", {"number": number})
        assert event.event_time is not None
        assert abs(datetime.now(UTC) - event.event_time) < timedelta(minutes=5)


def test_a_page_that_reconnects_gets_what_it_missed_then_goes_on_live(
    runner: TeamRunner, blocking_client: holdfastdb.Client, recorder: Recorder, shared_server: ServerProcess
) -> None:
    """... a page that reconnects gets what it missed, then goes on live ..."""

    def say(number: int) -> None:
        recorder.record("team", Event.of("agent.thought", number))

    page = WebPage(blocking_client, "team")
    say(1)
    page.until(1)
    place = page.leave()
    assert place == 1
    say(2)
    restart(shared_server)
    say(3)
    assert recorder.flush()
    page = WebPage(blocking_client, "team", after=place)
    try:
        assert page.until(2) == [2, 3]
        say(4)
        assert page.until(3) == [2, 3, 4]
    finally:
        page.leave()


def test_a_finished_task_can_be_replayed(runner: TeamRunner, blocking_client: holdfastdb.Client) -> None:
    """... a finished task can be replayed."""
    task = runner.run(runner.submit("Plan"), {"planner": thinker})
    other = runner.run(runner.submit("Build"), {"builder": thinker})
    replayed = list(blocking_client.history.list("team", task_id=task.task_id))
    assert [event.type for event in replayed if event.type.startswith("holdfast.task")] == [
        "holdfast.task.pending",
        "holdfast.task.running",
        "holdfast.task.succeeded",
    ]
    assert [event.value for event in replayed if event.type == "agent.thought"] == [
        {"number": n} for n in range(3)
    ]
    assert {event.task_id for event in replayed} == {task.task_id}
    assert other.task_id != task.task_id


def test_a_task_shows_its_status_result_and_error_as_it_runs(
    runner: TeamRunner, blocking_client: holdfastdb.Client
) -> None:
    """Task status, result summary and error message, updated as it runs."""
    task_id = runner.submit("Plan")
    seen: list[tuple[str, Any]] = []

    def look() -> tuple[str, Any]:
        task = blocking_client.tasks.get(task_id)
        return task.status.value, task.result and task.result.value

    def watcher(tell: Callable[[str, object], None]) -> str:
        seen.append(look())
        return "watched"

    seen.append(look())
    done = runner.run(task_id, {"watcher": watcher})
    seen.append(look())
    assert seen == [("pending", None), ("running", None), ("succeeded", {"summary": "1 agents agreed"})]
    assert done.phase == "1 of 1 agents done"
    failed = runner.run(runner.submit("Build"), {"stumbler": stumbler})
    assert (failed.status, failed.error) == (TaskStatus.FAILED, "stumbler: no such tool")


def test_agent_runs_are_kept_from_start_to_end(
    runner: TeamRunner, blocking_client: holdfastdb.Client
) -> None:
    """Agent runs: created when an agent starts, STARTED to RUNNING to COMPLETED or FAILED, output summary
    kept."""
    task_id = runner.submit("Plan")
    runner.run(task_id, {"thinker": thinker, "stumbler": stumbler})
    runs = {run.agent_id: run for run in blocking_client.runs.list(task_id=task_id)}
    assert set(runs) == {"thinker", "stumbler"}
    assert runs["thinker"].status is RunStatus.COMPLETED
    assert runs["thinker"].output == holdfastdb.Json('"thought three times"')
    assert (runs["stumbler"].status, runs["stumbler"].error) == (RunStatus.FAILED, "no such tool")
    for run, end in ((runs["thinker"], "completed"), (runs["stumbler"], "failed")):
        told = blocking_client.history.list("team", run_id=run.run_id, types=["holdfast.run.*"])
        assert [event.type for event in told] == [
            f"holdfast.run.{word}" for word in ("started", "running", end)
        ]
        assert run.duration is not None


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
    with Recorder(shared_server.target, namespace=tenant, create_sessions=True, options=QUICK) as recorder:
        blocking_client.sessions.create("agent-0")
        async with held(shared_server.database_url):
            with Crew(recorder, agents=2, pace=0.002) as crew:
                await eventually(lambda: min(crew.recorded.values()) >= 200)
            assert recorder.stats.written == 0
        assert crew.greatest_delay < patient(1)
        assert await asyncio.to_thread(recorder.flush, PATIENCE)
        await asyncio.to_thread(crew.check, blocking_client)


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
        holdfastdb.connect_sync(server.target, options=QUICK, timeout=patient(10)) as client,
    ):
        recorder = Recorder(server.target, create_sessions=True, options=QUICK)
        with Crew(recorder, agents=3, pace=0.005) as crew:
            await eventually(lambda: recorder.stats.written > 50)
            if cluster is None:
                await server.kill()
            else:
                await asyncio.to_thread(cluster.stop)
            stopped = sum(crew.recorded.values())
            # About 3 seconds: longer than the calls' own retries.
            await eventually(lambda: sum(crew.recorded.values()) > stopped + 1_800)
            assert recorder.stats.pending >= 1_800
            if cluster is None:
                await server.start()
            else:
                await asyncio.to_thread(cluster.start)
            resumed = recorder.stats.written
            await eventually(lambda: recorder.stats.written > resumed)
        assert crew.greatest_delay < patient(1)
        assert await asyncio.to_thread(recorder.close, PATIENCE)
        stats = recorder.stats
        assert (stats.written, stats.dropped, stats.pending) == (sum(crew.recorded.values()), 0, 0)
        await asyncio.to_thread(crew.check, client)
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


MONDAY = datetime(2025, 3, 3, 9, tzinfo=UTC)


def test_how_often_how_long_and_how_well_each_agent_works(blocking_client: holdfastdb.Client) -> None:
    """Analytics over time: how often, how long, how well each agent works (counts, success rate, p50 and p95
    duration, tokens)."""
    runs = blocking_client.runs
    for day in range(2):
        for number in range(1, 21):
            start = MONDAY + timedelta(days=day, minutes=number)
            agent = "planner" if number <= 10 else "coder"
            run = runs.start(agent_id=agent, start_time=start).run_id
            status = RunStatus.FAILED if number == 20 else RunStatus.COMPLETED
            usage = TokenUsage(input_tokens=100, output_tokens=number)
            runs.finish(run, status, usage=usage, end_time=start + timedelta(seconds=number))

    coder, planner = runs.summarize(["agent"])
    assert (planner.agent_id, planner.run_count, planner.completed_count) == ("planner", 20, 20)
    assert (planner.success_rate, planner.usage.input_tokens) == (1.0, 2_000)
    assert (coder.run_count, coder.failed_count, coder.success_rate) == (20, 2, 0.9)
    assert (coder.p50_duration, coder.p95_duration) == (timedelta(seconds=15), timedelta(seconds=20))
    assert coder.usage.output_tokens == 2 * sum(range(11, 21))

    by_day = runs.summarize(["time"], bucket=timedelta(days=1))
    midnight = MONDAY.replace(hour=0)
    assert [one.bucket_time for one in by_day] == [midnight, midnight + timedelta(days=1)]
    assert [one.run_count for one in by_day] == [20, 20]
    (tuesday,) = runs.summarize(start_time_from=midnight + timedelta(days=1))
    assert (tuesday.run_count, tuesday.p50_duration) == (20, timedelta(seconds=10))


def test_events_are_counted_over_time(blocking_client: holdfastdb.Client) -> None:
    """... SummarizeEvents."""
    blocking_client.sessions.create("team")
    for hour, actor in ((0, "planner"), (0, "coder"), (1, "coder"), (1, "coder")):
        time_ = MONDAY + timedelta(hours=hour)
        blocking_client.history.append("team", Event.of("tool.used", 1, actor=actor, event_time=time_))
    by_hour = blocking_client.history.summarize("team", ["time", "actor"], bucket=timedelta(hours=1))
    assert [(one.bucket_time, one.actor, one.count) for one in by_hour] == [
        (MONDAY, "coder", 1),
        (MONDAY, "planner", 1),
        (MONDAY + timedelta(hours=1), "coder", 2),
    ]
