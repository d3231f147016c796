"""The blocking client is the asynchronous one, for threads."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, assert_type

import grpc
import pytest

import holdfastdb
from holdfastdb._resources.approvals import AsyncApprovals
from holdfastdb._resources.documents import AsyncDocuments
from holdfastdb._resources.history import AsyncHistory
from holdfastdb._resources.memories import AsyncMemories
from holdfastdb._resources.plans import AsyncPlans
from holdfastdb._resources.runs import AsyncRuns
from holdfastdb._resources.sessions import AsyncSessions
from holdfastdb._resources.states import AsyncStates
from holdfastdb._resources.tasks import AsyncTasks
from holdfastdb._sync import resources as sync
from holdfastdb._transport.loop_thread import background
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1 import task_service_pb2 as task_pb
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import HANG, UNAVAILABLE, Failure, Script, batch, caught_up, start


@pytest.fixture
def script() -> Iterator[Script]:
    """Served in the clients' own loop: a second one in the process would get in the way of gRPC's asyncio."""
    script = Script()
    background.acquire()
    server = background.run(start(script))
    yield script
    background.run(server.stop(None))
    background.release()
    assert "holdfast" not in [thread.name for thread in threading.enumerate()]


async def echo(request: pb.GetSessionRequest) -> pb.GetSessionResponse:
    session = pb.Session(session_id=request.session_id, status=pb.SESSION_STATUS_PENDING)
    return pb.GetSessionResponse(session=session)


def methods(kind: type) -> dict[str, Any]:
    members = inspect.getmembers(kind, callable)
    return {name: value for name, value in members if not name.startswith("_")}


NOUNS = [
    (AsyncSessions, sync.Sessions),
    (AsyncStates, sync.States),
    (AsyncHistory, sync.History),
    (AsyncRuns, sync.Runs),
    (AsyncTasks, sync.Tasks),
    (AsyncApprovals, sync.Approvals),
    (AsyncDocuments, sync.Documents),
    (AsyncPlans, sync.Plans),
    (AsyncMemories, sync.Memories),
    (holdfastdb.AsyncStateManager, holdfastdb.StateManager),
    (holdfastdb.AsyncTodoListManager, holdfastdb.TodoListManager),
]


@pytest.mark.parametrize(
    ("original", "facade"),
    [
        *NOUNS,
        (holdfastdb.AsyncPager, holdfastdb.Pager),
        (holdfastdb.AsyncTail, holdfastdb.Tail),
        (holdfastdb.AsyncLease, holdfastdb.Lease),
        (holdfastdb.AsyncClient, holdfastdb.Client),
    ],
)
def test_no_method_is_left_out(original: type, facade: type) -> None:
    raw = {"call_metadata"}  # only of use with the stubs, which belong to the loop
    assert set(methods(original)) - raw == set(methods(facade))


@pytest.mark.parametrize(("original", "facade"), NOUNS)
def test_signatures_and_docstrings_are_the_originals(original: type, facade: type) -> None:
    ours = methods(facade)
    for name, method in methods(original).items():
        assert inspect.signature(ours[name]) == inspect.signature(method)
        assert ours[name].__doc__ == method.__doc__


def test_many_threads_share_a_client(script: Script) -> None:
    script.on("GetSession", echo)
    names = [f"s-{n}" for n in range(200)]
    with holdfastdb.connect_sync(script.target) as client, ThreadPoolExecutor(16) as pool:
        assert [session.session_id for session in pool.map(client.sessions.get, names)] == names


def test_clients_share_one_thread(script: Script) -> None:
    script.on("GetSession", echo)
    with holdfastdb.connect_sync(script.target) as first, holdfastdb.connect_sync(script.target) as second:
        first.sessions.get("a")
        second.sessions.get("b")
        assert [thread.name for thread in threading.enumerate()].count("holdfast") == 1


def test_errors_and_retries_are_the_same(script: Script) -> None:
    script.on("GetSession", UNAVAILABLE, UNAVAILABLE, Failure(grpc.StatusCode.NOT_FOUND))
    with holdfastdb.connect_sync(script.target) as client, pytest.raises(holdfastdb.NotFound):
        client.sessions.get("s-1")
    assert len(script.calls) == 3


def test_lists_are_iterators(script: Script) -> None:
    def page(name: str, token: str) -> pb.ListSessionsResponse:
        session = pb.Session(session_id=name, status=pb.SESSION_STATUS_PENDING)
        return pb.ListSessionsResponse(sessions=[session], next_page_token=token)

    script.on("ListSessions", page("a", "t1"), page("b", ""))
    with holdfastdb.connect_sync(script.target) as client:
        assert [session.session_id for session in client.sessions.list()] == ["a", "b"]
        assert client.sessions.list().page().items[0].session_id == "b"
        assert len(list(client.sessions.list().pages())) == 1


def test_a_tail_is_an_iterator_that_any_thread_may_close(script: Script) -> None:
    script.on("TailEvents", [batch(1), caught_up(1), UNAVAILABLE], [batch(2), HANG])
    with holdfastdb.connect_sync(script.target) as client, client.history.tail("s-1") as tail:
        assert [event.sequence for event in tail.backlog()] == [1]
        assert tail.caught_up
        assert next(iter(tail)).sequence == 2
        assert tail.last_sequence == 2
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(list, tail)
            tail.close()
            assert rest.result(10) == []


def test_closing_the_client_ends_its_tails(script: Script) -> None:
    script.on("TailEvents", [batch(1), HANG])
    client = holdfastdb.connect_sync(script.target)
    tail = iter(client.history.tail("s-1"))
    assert next(tail).sequence == 1
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, tail)
        client.close()
        assert rest.result(10) == []


def test_a_closed_client_says_so(script: Script) -> None:
    client = holdfastdb.connect_sync(script.target)
    client.close()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.sessions.get("s-1")


def test_a_call_in_the_clients_own_loop_is_refused(script: Script) -> None:
    with holdfastdb.connect_sync(script.target) as client:

        async def call() -> None:
            client.sessions.get("s-1")

        with pytest.raises(RuntimeError, match="wait for itself"):
            background.run(call())


def test_a_call_in_another_thread_sees_the_close(script: Script) -> None:
    script.on("GetSession", HANG)
    client = holdfastdb.connect_sync(script.target)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.sessions.get, "s-1")
        background.run(asyncio.wait_for(script.arrived.wait(), PATIENCE))
        client.close()
        with pytest.raises(holdfastdb.HoldfastError) as caught:
            call.result(10)
    assert caught.value.code is grpc.StatusCode.CANCELLED


def test_type_checkers_know_what_comes_back(script: Script) -> None:
    """The assertions are for mypy; at run time they say nothing."""
    script.on("GetSession", echo)
    with holdfastdb.connect_sync(script.target) as client:
        assert_type(client, holdfastdb.Client)
        assert_type(client.sessions.get("s-1", timeout=5), holdfastdb.Session)
        assert_type(client.sessions.list(user_id="u"), holdfastdb.Pager[holdfastdb.Session])
        assert_type(client.history.tail("s-1", only_new=True, actor="a"), holdfastdb.Tail)


def test_a_forked_process_is_told_instead_of_left_hanging() -> None:
    code = (
        "import os, holdfastdb\n"
        "with holdfastdb.connect_sync('127.0.0.1:1'):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n            holdfastdb.connect_sync()\n"
        "        except RuntimeError as error:\n            os._exit(42 if 'fork' in str(error) else 1)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout.strip() == "42"


def test_a_process_that_never_closes_its_client_ends_quietly() -> None:
    code = (
        "import holdfastdb\n"
        "client = holdfastdb.connect_sync('127.0.0.1:1', timeout=0.2)\n"
        "try:\n    client.sessions.get('s-1')\n"
        "except holdfastdb.HoldfastError as error:\n    print(error.code.name)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.strip() in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_in_a_thread_ends_its_tasks(script: Script) -> None:
    task = task_pb.Task(task_id="t", status=task_pb.TASK_STATUS_RUNNING)
    script.on("ClaimTask", task_pb.ClaimTaskResponse(task=task, lease_token="secret"))
    script.on("TransitionTask", task_pb.TransitionTaskResponse(task=task))
    script.on("ReleaseTask", task_pb.ReleaseTaskResponse(task=task))
    with holdfastdb.connect_sync(script.target) as client:
        for lease in client.tasks.work(kinds=["review"]):
            with lease:
                assert lease.task.task_id == "t"
            break
        again = client.tasks.claim()
        assert again is not None
        with pytest.raises(ValueError, match="seven"), again:
            raise ValueError("seven")
    (ended,) = script.requests("TransitionTask")
    assert (ended.status, ended.lease_token) == (task_pb.TASK_STATUS_SUCCEEDED, "secret")
    assert script.requests("ReleaseTask")[0].attempt_failed
