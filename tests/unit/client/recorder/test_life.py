"""A Recorder from its first event to the end of its process."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys

import pytest

from holdfastdb._transport.loop_thread import background
from holdfastdb.recorder._buffer import Buffer
from holdfastdb.v1 import history_service_pb2 as pb
from tests.support.waiting import PATIENCE
from tests.unit.client.recorder.servers import Server, event, recorder


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
