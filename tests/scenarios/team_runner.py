"""System 5 in small: a runner of teams in threads, and a web page that shows what they do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import holdfastdb
from holdfastdb import Event, Recorder, RunStatus, TokenUsage
from tests.support.waiting import eventually

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
