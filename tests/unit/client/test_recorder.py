"""The Recorder is never in the way, and loses nothing that it need not lose."""

from __future__ import annotations

import asyncio
import functools
import logging
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

import holdfastdb
from holdfastdb import Event, Recorder, RecorderStats
from holdfastdb._transport.loop_thread import background
from holdfastdb.recorder._buffer import Buffer
from holdfastdb.v1 import history_service_pb2 as pb
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script, each, start

NO_SESSION = Failure(grpc.StatusCode.NOT_FOUND, reason="SESSION_NOT_FOUND")


class Server:
    """A scripted server that keeps what is appended. `refuse` says which requests it does not take."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sessions: defaultdict[str, list[str]] = defaultdict(list)
        self.refuse: Callable[[pb.AppendEventsRequest], Failure | None] = lambda request: None
        script.on("AppendEvents", self.append)
        script.on("BatchAppendEvents", each(self.append))

    async def append(self, request: pb.AppendEventsRequest) -> Message | Failure:
        if (refusal := self.refuse(request)) is not None:
            return refusal
        self.sessions[request.session_id] += [event.type for event in request.events]
        return pb.AppendEventsResponse()


@pytest.fixture
def script() -> Iterator[Script]:
    """Served in the clients' own loop, and with no thread left at the end."""
    script = Script()
    background.acquire()
    server = background.run(start(script))
    yield script
    background.run(server.stop(None))
    background.release()
    assert "holdfast" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def server(script: Script) -> Server:
    return Server(script)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back at once after a failure."""
    monkeypatch.setattr("holdfastdb.recorder._writer.backoff", lambda failures, error=None: 0.01)


def recorder(script: Script, **options: Any) -> Recorder:
    """A recorder that leaves all retries to itself."""
    return Recorder(script.target, options=[("grpc.enable_retries", 0)], **options)


@contextmanager
def loop_blocked() -> Iterator[None]:
    """Nothing is sent within the block."""
    go_on, is_stuck = threading.Event(), threading.Event()

    async def block_the_loop() -> None:
        is_stuck.set()
        go_on.wait(PATIENCE)  # which is what it is for

    with ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(background.run, block_the_loop())
        assert is_stuck.wait(PATIENCE)
        try:
            yield
        finally:
            go_on.set()
            blocked.result(PATIENCE)


def event(name: object) -> Event:
    return Event(type=str(name))


def invalid(field: str) -> Failure:
    violations = [(field, "no")]
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_FIELD", violations=violations)


def test_what_is_recorded_is_written_once_in_order_and_in_batches(server: Server) -> None:
    with recorder(server.script) as recording:
        for number in range(3_000):
            recording.record(f"s{number % 3}", event(number))
        recording.record("s0", [event("a"), event("b")])
        assert recording.flush(PATIENCE)
        assert recording.stats == RecorderStats(recorded=3_002, written=3_002, dropped=0, pending=0)
    assert server.sessions["s0"] == [*map(str, range(0, 3_000, 3)), "a", "b"]
    assert server.sessions["s2"] == [*map(str, range(2, 3_000, 3))]
    batches = server.script.requests("BatchAppendEvents")
    requests = [
        *server.script.requests("AppendEvents"),
        *(one for batch in batches for one in batch.requests),
    ]
    assert max(len(request.events) for request in requests) <= 1_000
    assert len(requests) < 1_000


def test_sessions_that_are_written_at_the_same_time_travel_together(server: Server) -> None:
    server.refuse = lambda request: NO_SESSION if request.session_id == "s7" else None
    with recorder(server.script) as recording:
        with loop_blocked():
            for number in range(160):
                recording.record(f"s{number}", event(number))
        assert recording.flush(PATIENCE)
        assert recording.stats == RecorderStats(recorded=160, written=159, dropped=1, pending=0)
    assert len(server.script.calls) < 80
    assert server.sessions == {f"s{number}": [str(number)] for number in range(160) if number != 7}


def test_an_event_has_its_id_and_its_time_from_when_it_was_recorded(server: Server) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    server.script.on("AppendEvents", UNAVAILABLE, UNAVAILABLE, server.append)
    begin = datetime.now(UTC)
    with recorder(server.script) as recording:
        recording.record("s", [event("now"), Event(type="then", event_time=long_ago)])
        end = datetime.now(UTC)
    requests = server.script.requests("AppendEvents")
    sent = [[(e.event_id, e.event_time.ToDatetime(UTC)) for e in request.events] for request in requests]
    by_id = dict(pair for pairs in sent for pair in pairs)
    assert len(by_id) == 2
    first, second = by_id.values()
    assert begin <= first <= end
    assert second == long_ago


def test_a_server_that_is_not_there_yet_gets_everything_later() -> None:
    script = Script()
    script.target = f"127.0.0.1:{free_port()}"
    quick = [("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 100)]
    with Recorder(script.target, options=[*quick, ("grpc.min_reconnect_backoff_ms", 100)]) as recording:
        for number in range(50):
            recording.record("s", event(number))
        assert not recording.flush(0.05)
        assert recording.stats.pending == 50
        server = Server(script)
        grpc_server = background.run(start(script, int(script.target.rpartition(":")[2])))
        assert recording.flush(PATIENCE)
        background.run(grpc_server.stop(None))
    assert server.sessions["s"] == [*map(str, range(50))]


def test_recording_needs_neither_an_answer_nor_the_background_loop(server: Server) -> None:
    server.script.on("AppendEvents", HANG)
    recording = recorder(server.script)
    with loop_blocked():
        for number in range(500):
            recording.record("s", event(number))
        assert recording.stats.pending == 500
    assert not recording.close(0.05)
    assert recording.stats == RecorderStats(recorded=500, written=0, dropped=500, pending=0)


def test_many_threads_share_a_recorder(server: Server) -> None:
    with recorder(server.script) as recording:

        def work(name: str) -> None:
            for number in range(200):
                recording.record("s", event(f"{name}-{number}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, "abcdefgh"))
    written = server.sessions["s"]
    assert len(written) == 1_600
    for name in "abcdefgh":
        assert [w for w in written if w[0] == name] == [f"{name}-{number}" for number in range(200)]


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


def test_one_request_holds_no_more_than_the_server_takes(server: Server) -> None:
    with recorder(server.script) as recording:
        for _ in range(8):
            recording.record("s", Event.of("large", b"x" * 700_000))
    assert [len(r.events) for r in server.script.requests("AppendEvents")] == [1] * 8


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


@pytest.mark.parametrize(
    "created", [session_pb.CreateSessionResponse(), Failure(grpc.StatusCode.ALREADY_EXISTS)]
)
def test_sessions_are_created_if_wanted(server: Server, created: Message | Failure) -> None:
    there: set[str] = set()

    async def create(request: session_pb.CreateSessionRequest) -> Message | Failure:
        there.add(request.session.session_id)
        if isinstance(created, Failure):
            return created
        session = session_pb.Session(status=session_pb.SESSION_STATUS_PENDING)
        return session_pb.CreateSessionResponse(session=session)

    server.script.on("CreateSession", create)
    server.refuse = lambda request: None if request.session_id in there else NO_SESSION
    with recorder(server.script, create_sessions=True) as recording:
        for number in range(20):
            recording.record(f"s{number % 2}", event(number))
    assert server.sessions["s1"] == [*map(str, range(1, 20, 2))]
    assert len(server.script.requests("CreateSession")) == 2


@pytest.mark.parametrize(
    "failure",
    [
        UNAVAILABLE,
        Failure(grpc.StatusCode.DEADLINE_EXCEEDED),
        Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, reason="OVERLOADED"),
        Failure(grpc.StatusCode.UNAUTHENTICATED, reason="TOKEN_INVALID"),
    ],
)
def test_what_passes_is_waited_for_however_long_it_takes(
    server: Server, failure: Failure, caplog: pytest.LogCaptureFixture
) -> None:
    server.script.on("AppendEvents", *[failure] * 30, server.append)
    with recorder(server.script) as recording:
        recording.record("s", [event("a"), event("b")])
        assert recording.flush(PATIENCE)
        assert recording.stats == RecorderStats(recorded=2, written=2, dropped=0, pending=0)
    assert server.sessions["s"] == ["a", "b"]
    assert "cannot write now" in caplog.text


def test_a_servers_bug_costs_only_the_events_that_show_it(server: Server) -> None:
    bug = Failure(grpc.StatusCode.INTERNAL, reason="INTERNAL")
    server.refuse = lambda request: bug if any(e.type == "bad" for e in request.events) else None
    with recorder(server.script) as recording:
        recording.record("poisoned", map(event, ["a", "bad", "b"]))
        recording.record("other", event("fine"))
    assert (server.sessions["poisoned"], server.sessions["other"]) == (["a", "b"], ["fine"])
    assert recording.stats.dropped == 1


def test_whatever_is_recorded_nothing_is_raised(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    strange: Any = [None, 7, "text", [event("fine"), None], Event(labels={"a": 1}), Event(type="\ud800")]  # type: ignore[dict-item]
    with recorder(server.script) as recording:
        for thing in strange:
            recording.record("s", thing)
        recording.record(7, event("x"))  # type: ignore[arg-type]
        recording.record("\ud800", event("x"))
    stats = recording.stats
    assert stats.written == 1
    assert stats.recorded == stats.written + stats.dropped
    assert stats.dropped >= 7
    assert "it cannot be sent" in caplog.text


def test_an_event_that_is_changed_after_it_was_recorded_is_written_as_it_was(server: Server) -> None:
    labels = {"a": "before"}
    server.script.on("AppendEvents", UNAVAILABLE, server.append)
    with recorder(server.script) as recording:
        recording.record("s", Event(labels=labels))
        labels["a"] = "after"
    assert {e.labels["a"] for r in server.script.requests("AppendEvents") for e in r.events} == {"before"}


def test_a_flush_waits_for_what_came_before_it_and_for_nothing_else() -> None:
    buffer = Buffer(max_events=10, max_bytes=1_000)
    for name in ("a", "b"):
        buffer.put(name, pb.Event(type="before"))
    first, second = buffer.next_ready(), buffer.next_ready()
    assert first is not None
    assert second is not None
    buffer.put("a", pb.Event(type="after"))
    is_settled = functools.partial(buffer._is_settled, 2)
    buffer.settle(first, 1)
    assert not is_settled()
    buffer.settle(second, 1)
    assert is_settled()
    assert not buffer.wait_settled(0)


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


def test_it_works_from_coroutines(server: Server) -> None:
    async def agent() -> None:
        async with recorder(server.script) as recording:
            recording.record("s", event("a"))
            assert await asyncio.to_thread(recording.flush, PATIENCE)

    asyncio.run(agent())
    assert server.sessions["s"] == ["a"]


def test_waiting_in_the_background_loop_is_refused(server: Server) -> None:
    with recorder(server.script) as recording:

        async def flush() -> None:
            recording.flush()

        with pytest.raises(RuntimeError, match="wait for itself"):
            background.run(flush())


@pytest.mark.parametrize("bound", ["max_events", "max_bytes"])
def test_a_buffer_without_room_is_refused(bound: str) -> None:
    with pytest.raises(holdfastdb.InvalidArgument, match=bound):
        Recorder(**{bound: 0})  # type: ignore[arg-type]


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_in_a_forked_process_nothing_is_raised_until_somebody_asks() -> None:
    code = (
        "import os, sys, holdfastdb\n"
        "recorder = holdfastdb.Recorder('127.0.0.1:1')\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    recorder.record('s', holdfastdb.Event(type='x'))\n"
        "    recorder.record('s', holdfastdb.Event(type='x'))\n"
        "    try:\n        recorder.flush()\n"
        "    except RuntimeError as error:\n        print(error)\n"
        "    sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "recorder.close(0)\n"
    )
    done = run_python(code)
    assert "after a fork" in done.stdout
    assert done.stderr.count("events are dropped") == 1
    assert done.stderr.count("\n") == 1


def test_the_end_of_the_process_writes_what_was_recorded(server: Server) -> None:
    code = (
        "import sys, holdfastdb\n"
        "recorder = holdfastdb.Recorder(sys.argv[1])\n"
        "recorder.record('s', [holdfastdb.Event(type=str(number)) for number in range(100)])\n"
    )
    done = run_python(code, server.script.target)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.sessions["s"] == [*map(str, range(100))]


def test_the_end_of_the_process_is_not_held_up_by_a_server_that_is_away() -> None:
    code = (
        "import holdfastdb\nholdfastdb.Recorder('127.0.0.1:1').record('s', holdfastdb.Event(type='lost'))\n"
    )
    done = run_python(code)
    assert done.returncode == 0
    assert "dropped 1 events: the recorder was closed" in done.stderr
    assert "Traceback" not in done.stderr
