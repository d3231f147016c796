"""What is dropped: only what must be, counted, and without an error in the agent."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import holdfastdb
from holdfastdb import Event, Recorder, RecorderStats
from tests.support.waiting import PATIENCE
from tests.unit.client.calls import EVENTS
from tests.unit.client.recorder.servers import NO_SESSION, Server, event, invalid, recorder
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure


def test_a_full_buffer_drops_what_comes_new_and_says_so(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse = lambda request: UNAVAILABLE
    with recorder(server.script, max_events=10) as recording:
        for number in range(25):
            recording.record("s", event(number))
        assert recording.stats == RecorderStats(recorded=25, written=0, dropped=15, pending=10)
        server.refuse = lambda request: None
        assert recording.flush(PATIENCE)
        recording.record("s", event("after"))
    assert server.sessions["s"] == [*map(str, range(10)), "after"]
    assert "dropped 15 events: the buffer is full" in caplog.text


def test_the_buffer_is_bounded_in_bytes_too(server: Server) -> None:
    server.refuse = lambda request: UNAVAILABLE
    with recorder(server.script, max_bytes=10_000) as recording:
        for _ in range(10):
            recording.record("s", Event.of("large", "x" * 3_000))
        recording.record("s", event("small"))
        stats = recording.stats
        assert (stats.pending, stats.dropped) == (4, 7)
        server.refuse = lambda request: None
    assert server.sessions["s"] == ["large"] * 3 + ["small"]


def test_a_refused_event_is_dropped_and_the_others_are_written(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse = lambda request: (
        invalid("events[0].type") if any(e.type == "bad" for e in request.events) else None
    )
    names = ["bad" if number in (0, 70, 71, 299) else str(number) for number in range(300)]
    with recorder(server.script) as recording:
        recording.record("s", map(event, names))
        recording.record("other", event("fine"))
    assert server.sessions["s"] == [name for name in names if name != "bad"]
    assert server.sessions["other"] == ["fine"]
    assert recording.stats == RecorderStats(recorded=301, written=297, dropped=4, pending=0)
    assert "dropped 4 events: scripted (INVALID_FIELD)" in caplog.text
    assert len(server.script.calls) < 100


@pytest.mark.parametrize("refusal", [NO_SESSION, invalid("session_id")])
def test_events_of_a_session_that_cannot_be_are_dropped_at_once(server: Server, refusal: Failure) -> None:
    server.refuse = lambda request: refusal if request.session_id == "nowhere" else None
    with recorder(server.script) as recording:
        recording.record("nowhere", map(event, range(100)))
        recording.record("s", event("fine"))
    assert recording.stats == RecorderStats(recorded=101, written=1, dropped=100, pending=0)
    assert len(server.script.calls) < 10


def test_a_servers_bug_costs_only_the_events_that_show_it(server: Server) -> None:
    bug = Failure(grpc.StatusCode.INTERNAL, reason="INTERNAL")
    server.refuse = lambda request: bug if any(e.type == "bad" for e in request.events) else None
    with recorder(server.script) as recording:
        recording.record("poisoned", map(event, ["a", "bad", "b"]))
        recording.record("other", event("fine"))
    assert (server.sessions["poisoned"], server.sessions["other"]) == (["a", "b"], ["fine"])
    assert recording.stats.dropped == 1


class BrokenError(Exception):
    """An error whose text is an error."""

    def __str__(self) -> str:
        raise self


def failing() -> Iterator[Event]:
    yield event("fine")
    raise BrokenError


def test_whatever_is_recorded_nothing_is_raised(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    # One event each that cannot be, and two that are fine.
    strange: list[Any] = [
        None,
        7,
        "text",
        {"role": "user", "content": "Hello"},
        [event("fine"), None],
        failing(),
        Event(labels={"a": 1}),  # type: ignore[dict-item]
        Event(type="\ud800"),
        Event.of("m", math.nan),
        Event.message("user", None),  # type: ignore[arg-type]
        Event.message("user", "Hello", extra={"a": object()}),
    ]
    sessions: list[Any] = [7, None, "\ud800", b"s", ["s"], object()]
    with recorder(server.script) as recording:
        for thing in strange:
            recording.record("s", thing)
        for session in sessions:
            recording.record(session, event("x"))
    dropped = len(strange) + len(sessions)
    assert recording.stats == RecorderStats(recorded=dropped + 2, written=2, dropped=dropped, pending=0)
    assert server.sessions == {"s": ["fine", "fine"]}
    assert "it cannot be sent" in caplog.text


@pytest.mark.parametrize("wrong", EVENTS, ids=range(len(EVENTS)))
def test_what_a_client_refuses_is_counted_as_dropped(server: Server, wrong: Any) -> None:
    with recorder(server.script) as recording:
        recording.record("s", wrong)
        assert recording.stats == RecorderStats(recorded=1, written=0, dropped=1, pending=0)


def test_after_the_close_nothing_is_taken_and_nothing_raised(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    recording = recorder(server.script)
    recording.record("s", event("a"))
    assert recording.close(PATIENCE)
    assert recording.close()
    recording.record("s", event("b"))
    recording.record("s", event("c"))
    assert recording.flush(0)
    assert recording.stats == RecorderStats(recorded=3, written=1, dropped=2, pending=0)
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "events are dropped: the recorder is closed"
    ]


def test_a_close_that_may_not_wait_drops_the_rest_and_says_so(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.on("AppendEvents", HANG)
    recording = recorder(server.script)
    recording.record("s", map(event, range(3)))
    assert not recording.close(0.01)
    assert recording.stats == RecorderStats(recorded=3, written=0, dropped=3, pending=0)
    assert "dropped 3 events: the recorder was closed before" in caplog.text


@pytest.mark.parametrize("bound", ["max_events", "max_bytes"])
def test_a_buffer_without_room_is_refused(bound: str) -> None:
    with pytest.raises(holdfastdb.InvalidArgument, match=bound):
        Recorder(**{bound: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [("max_events", "10"), ("max_bytes", 1.5), ("max_events", None), ("create_sessions", "yes")],
)
def test_a_wrong_bound_is_refused(argument: str, wrong: Any) -> None:
    with pytest.raises(holdfastdb.InvalidArgument, match=argument):
        Recorder(**{argument: wrong})


def test_a_wait_without_end_may_be_asked_for(server: Server) -> None:
    with recorder(server.script) as recording:
        recording.record("s", event("a"))
        assert recording.flush(math.inf)
        for wrong in ("10", math.nan):
            with pytest.raises(holdfastdb.InvalidArgument, match="timeout"):
                recording.flush(wrong)  # type: ignore[arg-type]
