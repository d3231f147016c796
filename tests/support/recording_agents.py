"""Agents in threads of their own that record what they do, and the longest that a call of `record` took."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import holdfastdb


class RecordingAgents:
    """Agents that work for as long as the block lasts, at a steady pace, each in a session of its own.

    `pace`: seconds between two events of an agent; 0: as many as it can.
    """

    def __init__(self, recorder: holdfastdb.Recorder, agents: int, pace: float) -> None:
        self.sessions: Sequence[str] = [f"agent-{number}" for number in range(agents)]
        self.recorded = dict.fromkeys(self.sessions, 0)
        """How many events each session was told."""
        self.greatest_delay = 0.0
        """The longest that a call of `record` took, in seconds."""
        self._recorder = recorder
        self._pace = pace
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(name,)) for name in self.sessions]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def check(self, client: holdfastdb.Client) -> None:
        """Check that everything that was recorded is there, once and in order."""
        for session_id, count in self.recorded.items():
            events = list(client.history.list(session_id, types=["work.done"], page_size=1_000))
            assert [event.value["number"] for event in events] == list(range(count)), session_id
            times = [event.event_time for event in events if event.event_time is not None]
            assert times == sorted(times)

    def _work(self, session_id: str) -> None:
        greatest = 0.0
        while not self._over.wait(self._pace):
            number = self.recorded[session_id]
            event = holdfastdb.Event.of(
                "work.done", {"number": number, "output": "x" * 200}, actor=session_id
            )
            began = time.perf_counter()
            self._recorder.record(session_id, event)
            greatest = max(greatest, time.perf_counter() - began)
            self.recorded[session_id] = number + 1
        # Of all threads the greatest; an assignment after a comparison of two threads could lose one.
        with _LOCK:
            self.greatest_delay = max(self.greatest_delay, greatest)


_LOCK = threading.Lock()
