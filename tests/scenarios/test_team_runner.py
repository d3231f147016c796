"""System 5: a runner of multi-agent teams shows live on a web page what its agents do, and is never held up.

The runner works with threads: it uses the blocking client, and a Recorder.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import holdfastdb
from holdfastdb import Event, Recorder, RunStatus, TaskStatus, TokenUsage
from tests.scenarios.conftest import restart
from tests.scenarios.team_runner import TeamRunner, WebPage, stumbler, thinker
from tests.support.servers import ServerProcess


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
