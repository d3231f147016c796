"""What is recorded is written: once, in order, in batches, however long it takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.message import Message

from holdfastdb import Event, Recorder, RecorderStats
from holdfastdb._transport.loop_thread import background
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.processes import free_port
from tests.support.waiting import PATIENCE
from tests.unit.client.recorder.servers import NO_SESSION, Server, event, loop_blocked, recorder
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script, start


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


def test_one_request_holds_no_more_than_the_server_takes(server: Server) -> None:
    with recorder(server.script) as recording:
        for _ in range(8):
            recording.record("s", Event.of("large", b"x" * 700_000))
    assert [len(r.events) for r in server.script.requests("AppendEvents")] == [1] * 8


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


def test_an_event_that_is_changed_after_it_was_recorded_is_written_as_it_was(server: Server) -> None:
    labels = {"a": "before"}
    server.script.on("AppendEvents", UNAVAILABLE, server.append)
    with recorder(server.script) as recording:
        recording.record("s", Event(labels=labels))
        labels["a"] = "after"
    assert {e.labels["a"] for r in server.script.requests("AppendEvents") for e in r.events} == {"before"}
