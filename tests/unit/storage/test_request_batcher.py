"""The request batcher: every request is answered, whenever it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from holdfastdb_server.domain.errors import Overloaded
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.write_path import request_batcher
from holdfastdb_server.storage.write_path.request_batcher import PendingRequest, RequestBatcher
from tests.support.waiting import PATIENCE, eventually


class Doubler:
    """Doubles numbers, and remembers in which batches they came."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def run(self, batch: Sequence[PendingRequest[int, int]]) -> None:
        """Answer a batch."""
        self.batches.append([pending.request for pending in batch])
        await self.may_go_on.wait()
        if any(pending.request < 0 for pending in batch):
            raise ValueError("negative")
        for pending in batch:
            pending.succeed(pending.request * 2)


def batcher(doubler: Doubler, parallel: int = 1, max_waiting: int = 10) -> RequestBatcher[int, int]:
    return RequestBatcher("test", doubler.run, NoObserver(), parallel=parallel, max_waiting=max_waiting)


@pytest.mark.parametrize("parallel", [1, 2])
async def test_a_caller_may_submit_again_the_moment_it_is_answered(parallel: int) -> None:
    doubling = batcher(Doubler(), parallel)

    async def submit_often(start: int) -> list[int]:
        return [await doubling.submit(start + number) for number in range(5)]

    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(submit_often(0), submit_often(10))
    assert list(answers) == [[0, 2, 4, 6, 8], [20, 22, 24, 26, 28]]


async def test_requests_queue_up_while_a_batch_runs() -> None:
    doubler = Doubler()
    doubling = batcher(doubler)
    doubler.may_go_on.clear()
    calls = [asyncio.ensure_future(doubling.submit(0))]
    await eventually(lambda: doubler.batches == [[0]])
    calls += [asyncio.ensure_future(doubling.submit(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    doubler.may_go_on.set()
    assert await asyncio.gather(*calls) == [0, 2, 4, 6]
    assert doubler.batches == [[0], [1, 2, 3]]


async def test_a_batch_has_no_more_bytes_than_allowed_but_for_a_request_alone() -> None:
    doubler = Doubler()
    doubling = RequestBatcher("test", doubler.run, NoObserver(), parallel=1, max_waiting=10, max_bytes=100)
    doubler.may_go_on.clear()
    calls = [asyncio.ensure_future(doubling.submit(0))]
    await eventually(lambda: doubler.batches == [[0]])
    sizes = {1: 60, 2: 40, 3: 1, 4: 500, 5: 100}
    calls += [asyncio.ensure_future(doubling.submit(number, size)) for number, size in sizes.items()]
    await asyncio.sleep(0)
    doubler.may_go_on.set()
    assert await asyncio.gather(*calls) == [0, 2, 4, 6, 8, 10]
    assert doubler.batches == [[0], [1, 2], [3], [4], [5]]


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that always works, and batches that wait for more than a test does."""
    monkeypatch.setattr(request_batcher._CpuShare, "is_high", lambda load: True)
    monkeypatch.setattr(request_batcher, "_PAUSE_SECONDS", PATIENCE * 10)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("callers", [1, 2, 5])
async def test_a_batch_of_few_callers_waits_for_no_others(callers: int) -> None:
    doubling = batcher(Doubler(), parallel=2)
    answered = [0] * callers

    async def submit_for_ever(caller: int) -> None:
        while True:
            await doubling.submit(caller)
            answered[caller] += 1

    tasks = [asyncio.create_task(submit_for_ever(caller)) for caller in range(callers)]
    await eventually(lambda: min(answered) > 20)
    for task in tasks:
        task.cancel()


@pytest.mark.usefixtures("busy")
async def test_a_batch_of_many_requests_waits_for_more_while_the_thread_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_batcher, "_PAUSE_SECONDS", 0.5)
    doubler = Doubler()
    doubling = batcher(doubler, max_waiting=100)
    requests = [asyncio.ensure_future(doubling.submit(number)) for number in range(20)]
    await asyncio.gather(*requests)
    doubler.batches.clear()
    calls = []
    for number in range(10):
        calls.append(asyncio.ensure_future(doubling.submit(number)))
        for _ in range(5):
            await asyncio.sleep(0)
    await asyncio.gather(*calls)
    assert doubler.batches == [list(range(10))]


async def test_a_batch_starts_once_the_thread_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    was_high = iter([True, True, True, False])
    monkeypatch.setattr(request_batcher._CpuShare, "is_high", lambda load: next(was_high))
    monkeypatch.setattr(request_batcher, "_MAX_PAUSES", 1_000_000)
    doubler = Doubler()
    doubling = batcher(doubler, max_waiting=100)
    assert await asyncio.gather(*(doubling.submit(number) for number in range(20))) == list(range(0, 40, 2))
    assert doubler.batches == [list(range(20))]
    assert not list(was_high)


async def test_a_second_batch_starts_while_the_first_is_under_way() -> None:
    doubler = Doubler()
    doubling = batcher(doubler, parallel=2)
    doubler.may_go_on.clear()
    calls = [asyncio.ensure_future(doubling.submit(0))]
    await eventually(lambda: doubler.batches == [[0]])
    calls.append(asyncio.ensure_future(doubling.submit(1)))
    await eventually(lambda: doubler.batches == [[0], [1]])
    doubler.may_go_on.set()
    assert await asyncio.gather(*calls) == [0, 2]


async def test_a_failed_batch_fails_its_callers_and_nobody_else() -> None:
    doubling = batcher(Doubler())
    with pytest.raises(ValueError, match="negative"):
        await doubling.submit(-1)
    assert await doubling.submit(1) == 2


async def test_too_many_waiting_requests_are_refused() -> None:
    doubler = Doubler()
    doubling = batcher(doubler, max_waiting=1)
    doubler.may_go_on.clear()
    calls = [asyncio.ensure_future(doubling.submit(0))]
    await eventually(lambda: doubler.batches == [[0]])
    calls.append(asyncio.ensure_future(doubling.submit(1)))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await doubling.submit(2)
    doubler.may_go_on.set()
    assert await asyncio.gather(*calls) == [0, 2]


@pytest.mark.usefixtures("busy")
async def test_no_batch_waits_for_callers_who_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    doubler = Doubler()
    doubling = batcher(doubler, max_waiting=100)
    doubler.may_go_on.clear()
    first = asyncio.ensure_future(doubling.submit(0))
    await eventually(lambda: doubler.batches == [[0]])
    for call in [doubling.submit(number) for number in range(20)]:
        call.cancel()
    # While the next two batches wait for more, those twenty still count as requests in flight.
    with monkeypatch.context() as patch:
        patch.setattr(request_batcher, "_PAUSE_SECONDS", 0.001)
        doubler.may_go_on.set()
        assert [await first, await doubling.submit(1)] == [0, 2]
        assert await doubling.submit(2) == 4
    async with asyncio.timeout(PATIENCE):
        assert [await doubling.submit(number) for number in range(3)] == [0, 2, 4]
