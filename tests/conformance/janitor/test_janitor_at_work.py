"""The janitor that sweeps by itself: its pauses, and how what fails is told and tried again."""

from __future__ import annotations

import asyncio
import itertools
import logging
from types import SimpleNamespace

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.domain.ports import SweepCounts
from holdfastdb_server.storage.janitor import janitor as janitor_module
from holdfastdb_server.storage.janitor.janitor import SqlJanitor
from holdfastdb_server.storage.janitor.job import Job, JobResult
from holdfastdb_server.storage.janitor.leadership import Leadership
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.store import SqlStore
from tests.support.waiting import PATIENCE, eventually


class Observer(NoObserver):
    """Remembers what was swept."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def swept(self, what: str, count: int) -> None:
        self.told.append((what, count))


class EnoughRounds(Exception):
    """Ends what would go on for ever."""


async def test_a_sweep_that_failed_is_told_and_tried_again(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    troubles: list[Exception] = [RuntimeError("a broken job"), DatabaseUnavailable()]
    times_there = iter([False, False])
    swept = []

    async def sweep(limit: int) -> JobResult:
        if troubles:
            raise troubles.pop(0)
        swept.append(limit)
        return JobResult(7)

    observer = Observer()
    janitor = SqlJanitor(store._database, [Job("sessions_expired", sweep)], observer)
    with caplog.at_level(logging.INFO, "holdfast.janitor"):
        running = asyncio.create_task(janitor.run(0.001, lambda: next(times_there, True)))
        await eventually(lambda: "swept" in caplog.messages)
        running.cancel()
    assert next(times_there, None) is None
    assert caplog.messages.count("the janitor failed, and tries again later") == 1
    assert caplog.messages[0] == "the janitor failed, and tries again later"
    told = next(record for record in caplog.records if record.message == "swept")
    assert vars(told)["sessions_expired"] == 7
    assert observer.told[0] == ("sessions_expired", 7)


async def test_sweeps_come_at_random_within_the_interval_but_not_in_its_first_half(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    rounds = itertools.count(1)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 30:
            raise EnoughRounds

    def is_available() -> bool:
        assert len(pauses) == next(rounds)
        return True

    monkeypatch.setattr(janitor_module, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(EnoughRounds):
        await SqlJanitor(store._database, [], NoObserver()).run(3, is_available)
    assert min(pauses) >= 1.5
    assert max(pauses) <= 3
    assert len(set(pauses)) > 1


async def test_a_sweep_pauses_between_two_batches_for_as_long_as_the_first_took(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[float] = []
    clock = 100.0

    async def sleep(seconds: float) -> None:
        done.append(seconds)

    async def run_batch(limit: int) -> JobResult:
        nonlocal clock
        clock += 7
        done.append(0)
        return JobResult(2, may_be_more=len(done) == 1)

    monkeypatch.setattr(janitor_module, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(janitor_module, "time", SimpleNamespace(monotonic=lambda: clock))
    janitor = SqlJanitor(store._database, [Job("keys_freed", run_batch)], NoObserver())
    assert await janitor.sweep() == SweepCounts(keys_freed=4)
    assert done == [0, 7, 0]


async def test_a_patient_sweep_pauses_before_it_tries_again_to_become_the_leader(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = Leadership(store._database, "janitor")
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            await another.release()

    async def run_batch(limit: int) -> JobResult:
        return JobResult(3)

    monkeypatch.setattr(janitor_module, "asyncio", SimpleNamespace(sleep=sleep))
    janitor = SqlJanitor(store._database, [Job("keys_freed", run_batch)], NoObserver())
    assert await another.acquire()
    assert await janitor.sweep() == SweepCounts()
    assert pauses == []
    async with asyncio.timeout(PATIENCE):
        assert await janitor.sweep(patient=True) == SweepCounts(keys_freed=3)
    assert len(pauses) == 2
    assert min(pauses) > 0
