"""The request batcher at its bounds: how much a batch holds, how many run, when one waits, and the end."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from holdfastdb_server.domain.errors import Overloaded
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.write_path import request_batcher
from holdfastdb_server.storage.write_path.request_batcher import PendingRequest, RequestBatcher
from tests.support.waiting import PATIENCE, eventually

CALLER = contextvars.ContextVar("CALLER", default="nobody")
MANY = request_batcher._MANY_IN_FLIGHT


class Echo(NoObserver):
    """Answers requests once it may, and remembers in which batches they came."""

    def __init__(self, **options: Any) -> None:
        self.batches: list[list[int]] = []
        self.callers: list[str] = []
        self.measured: list[tuple[str, int, float]] = []
        self.may_answer = asyncio.Event()
        self.error: BaseException | None = None
        self.batcher: RequestBatcher[int, int] = RequestBatcher(
            "echo", self._run, self, **({"parallel": 1, "max_waiting": 1_000} | options)
        )

    async def _run(self, batch: Sequence[PendingRequest[int, int]]) -> None:
        self.batches.append([pending.request for pending in batch])
        self.callers.append(CALLER.get())
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        for pending in batch:
            pending.succeed(pending.request)

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        self.measured.append((kind, requests, seconds))

    def submit(self, *sizes: int) -> list[asyncio.Future[int]]:
        """Submit requests of these sizes, which are numbered from 1 on."""
        return [self.batcher.submit(number, size) for number, size in enumerate(sizes, 1)]


async def many_turns() -> None:
    """Let all that is ready run, until nothing more becomes ready."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that always works, and batches that wait for more than a test does."""
    monkeypatch.setattr(request_batcher._CpuShare, "is_high", lambda load: True)
    monkeypatch.setattr(request_batcher, "_PAUSE_SECONDS", PATIENCE * 10)


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that has nothing else to do."""
    monkeypatch.setattr(request_batcher._CpuShare, "is_high", lambda load: False)


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([0] * 513, [512, 1]),
        ([8 * 1024 * 1024 - 1, 1, 1], [2, 1]),
        ([1, 8 * 1024 * 1024], [1, 1]),
    ],
)
async def test_a_batch_has_512_requests_and_8_mib_at_most(sizes: list[int], batches: list[int]) -> None:
    echo = Echo()
    echo.may_answer.set()
    await asyncio.gather(*echo.submit(*sizes))
    assert [len(batch) for batch in echo.batches] == batches


@pytest.mark.usefixtures("idle")
async def test_a_request_of_which_no_size_is_said_has_none() -> None:
    echo = Echo(max_bytes=1)
    echo.may_answer.set()
    await asyncio.gather(*(echo.batcher.submit(number) for number in (1, 2, 3)))
    assert echo.batches == [[1, 2, 3]]


@pytest.mark.usefixtures("idle")
async def test_requests_that_are_cancelled_in_the_queue_take_no_place_in_a_batch() -> None:
    echo = Echo(max_requests=2)
    calls = echo.submit(0, 0, 0, 0)
    calls[0].cancel()
    calls[2].cancel()
    echo.may_answer.set()
    assert [await calls[1], await calls[3]] == [2, 4]
    assert echo.batches == [[2, 4]]


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("parallel", [1, 2, 3])
async def test_so_many_batches_run_at_once_and_no_more(parallel: int) -> None:
    echo = Echo(parallel=parallel, max_requests=1)
    calls = echo.submit(0, 0, 0, 0)
    await many_turns()
    assert echo.batches == [[number] for number in range(1, parallel + 1)]
    calls.append(echo.batcher.submit(5))
    await many_turns()
    assert len(echo.batches) == parallel
    echo.may_answer.set()
    assert await asyncio.gather(*calls) == [1, 2, 3, 4, 5]
    assert echo.batches == [[1], [2], [3], [4], [5]]


@pytest.mark.usefixtures("idle")
async def test_callers_that_are_woken_in_one_turn_of_the_event_loop_share_a_batch() -> None:
    echo = Echo()
    echo.may_answer.set()
    first = echo.batcher.submit(1)
    await asyncio.sleep(0)
    second = echo.batcher.submit(2)
    assert [await first, await second] == [1, 2]
    assert echo.batches == [[1, 2]]


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(("callers", "waits"), [(MANY - 1, False), (MANY, True)])
async def test_from_many_callers_on_a_batch_waits_for_more(callers: int, waits: bool) -> None:
    echo = Echo()
    calls = echo.submit(*[0] * callers)
    await many_turns()
    assert echo.batches == ([] if waits else [list(range(1, callers + 1))])
    for call in calls:
        call.cancel()


@pytest.mark.usefixtures("busy")
async def test_a_batch_that_is_full_waits_for_no_more() -> None:
    echo = Echo(max_requests=MANY + 2)
    calls = echo.submit(*[0] * (MANY + 1))
    await many_turns()
    assert echo.batches == []
    calls.append(echo.batcher.submit(MANY + 2))
    await many_turns()
    assert echo.batches == [list(range(1, MANY + 3))]
    echo.may_answer.set()
    await asyncio.gather(*calls)


@pytest.mark.usefixtures("busy")
async def test_requests_join_the_batch_that_waits_and_start_no_other() -> None:
    echo = Echo(parallel=3, max_requests=MANY + 9)
    calls = echo.submit(*[0] * MANY)
    for number in range(MANY + 1, MANY + 9):
        await many_turns()
        calls.append(echo.batcher.submit(number))
    assert (echo.batches, len(echo.batcher._workers)) == ([], 1)
    for call in calls:
        call.cancel()


async def test_only_one_worker_collects_when_two_have_ended_a_batch(
    monkeypatch: pytest.MonkeyPatch, idle: None
) -> None:
    echo = Echo(parallel=2, max_requests=MANY)
    calls = [echo.batcher.submit(0)]
    await many_turns()
    calls += echo.submit(*[0] * MANY)
    await many_turns()
    assert [len(batch) for batch in echo.batches] == [1, MANY]
    calls += echo.submit(*[0] * (MANY - 1))
    monkeypatch.setattr(request_batcher._CpuShare, "is_high", lambda load: True)
    monkeypatch.setattr(request_batcher, "_PAUSE_SECONDS", PATIENCE * 10)
    echo.may_answer.set()
    await many_turns()
    assert (len(echo.batches), len(echo.batcher._workers)) == (2, 1)
    calls.append(echo.batcher.submit(9))
    await asyncio.gather(*calls)


@pytest.mark.usefixtures("busy")
async def test_requests_that_were_answered_or_cancelled_are_not_waited_for() -> None:
    """Each round leaves no caller behind: otherwise a later one would seem to be one of many."""
    echo = Echo()
    echo.may_answer.set()
    for _ in range(MANY * 2):
        cancelled, answered = echo.submit(0, 0)
        cancelled.cancel()
        async with asyncio.timeout(PATIENCE):
            assert await answered == 2
    assert echo.batcher._in_flight == 0


@pytest.mark.usefixtures("idle")
async def test_a_batch_is_measured_and_runs_in_the_context_of_no_caller() -> None:
    echo = Echo()
    token = CALLER.set("somebody")
    calls = echo.submit(0, 0)
    CALLER.reset(token)
    echo.may_answer.set()
    await asyncio.gather(*calls)
    await eventually(lambda: bool(echo.measured))
    ((kind, requests, seconds),) = echo.measured
    assert (kind, requests, echo.callers) == ("echo", 2, ["nobody"])
    assert 0 <= seconds < PATIENCE


@pytest.mark.usefixtures("idle")
async def test_closing_waits_for_all_that_is_queued() -> None:
    echo = Echo(parallel=2, max_requests=1)
    calls = echo.submit(0, 0, 0)
    closing = asyncio.create_task(echo.batcher.close())
    await many_turns()
    assert not closing.done()
    echo.may_answer.set()
    async with asyncio.timeout(PATIENCE):
        await closing
    assert [call.result() for call in calls] == [1, 2, 3]


@pytest.mark.usefixtures("idle")
async def test_a_batch_that_was_cancelled_does_not_keep_it_from_closing() -> None:
    echo = Echo()
    echo.error = asyncio.CancelledError()
    (call,) = echo.submit(0)
    echo.may_answer.set()
    await many_turns()
    async with asyncio.timeout(PATIENCE):
        await echo.batcher.close()
    call.cancel()


@pytest.mark.usefixtures("idle")
async def test_as_many_as_may_wait_are_queued_and_the_next_is_refused() -> None:
    echo = Echo(max_waiting=2)
    calls = echo.submit(0, 0)
    with pytest.raises(Overloaded):
        await echo.batcher.submit(3)
    echo.may_answer.set()
    assert await asyncio.gather(*calls) == [1, 2]


def test_a_thread_is_busy_when_it_used_more_than_half_of_the_time_since_it_was_last_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(wall=100.0, cpu=10.0)
    fake = SimpleNamespace(perf_counter=lambda: clock.wall, thread_time=lambda: clock.cpu)
    monkeypatch.setattr(request_batcher, "time", fake)
    share = request_batcher._CpuShare()
    for wall, cpu, is_high in [
        (1, 0.75, True),
        (1, 0.5, False),
        (1, 0.25, False),
        (8, 2, False),
        (0.25, 0.1875, True),
    ]:
        clock.wall, clock.cpu = clock.wall + wall, clock.cpu + cpu
        assert share.is_high() == is_high, (wall, cpu)
