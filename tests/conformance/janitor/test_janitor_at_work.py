"""The janitor that sweeps by itself: what fails is told and tried again."""

from __future__ import annotations

import asyncio
import logging

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.janitor.janitor import SqlJanitor
from holdfastdb_server.storage.janitor.job import Job, JobResult
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.store import SqlStore
from tests.support.waiting import eventually


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

    janitor = SqlJanitor(store._database, [Job("sessions_expired", sweep)], NoObserver())
    with caplog.at_level(logging.INFO, "holdfast.janitor"):
        running = asyncio.create_task(janitor.run(0.001, lambda: next(times_there, True)))
        await eventually(lambda: "swept" in caplog.messages)
        running.cancel()
    assert next(times_there, None) is None
    assert caplog.messages.count("the janitor failed, and tries again later") == 1
    assert caplog.messages[0] == "the janitor failed, and tries again later"
    told = next(record for record in caplog.records if record.message == "swept")
    assert vars(told)["sessions_expired"] == 7
