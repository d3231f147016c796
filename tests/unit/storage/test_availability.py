"""How the database is watched: when it is checked, what is told of it, and that every check has its pause."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.availability import Availability
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.migrations import SchemaState
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions
from tests.support.waiting import PATIENCE, eventually

INTERVAL = 0.05
CURRENT, NONE = SchemaState(migrations.REVISIONS[-1]), SchemaState(None)


@pytest.mark.parametrize("error", [DatabaseUnavailable(), RuntimeError("a defect")], ids=type)
async def test_it_is_not_checked_more_often_than_every_interval(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    checks = 0

    async def fail(database: Database) -> migrations.SchemaState:
        nonlocal checks
        checks += 1
        if checks > 100:
            pytest.fail("it is checked without a pause")
        database.lost.set()
        raise error

    async def poll() -> None:
        raise AssertionError("it is not available")

    monkeypatch.setattr(migrations, "read_state", fail)
    options = StorageOptions(url="postgresql://localhost/none", poll_interval=INTERVAL)
    database = open_database(options)
    started = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10 * INTERVAL):
            await Availability(database, options).watch(poll)
    assert 1 <= checks <= (time.monotonic() - started) / INTERVAL + 1


class Watched:
    """A database that is watched: it has these schemas in turn, and then the last of them."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, schemas: Iterable[SchemaState], interval: float
    ) -> None:
        self._schemas = list(schemas)
        self.checks = self.pings = self.polls = 0
        self.is_reached = True
        options = StorageOptions(url="postgresql://localhost/none", poll_interval=interval)
        self.database = open_database(options)
        self.availability = Availability(self.database, options)
        self.told: list[bool] = []
        monkeypatch.setattr(migrations, "read_state", self._read_state)
        monkeypatch.setattr(self.database, "ping", self._ping)

    async def _read_state(self, database: Database) -> SchemaState:
        self.checks += 1
        if self.checks > 100:
            pytest.fail("it is checked without a pause")
        return self._schemas.pop(0) if len(self._schemas) > 1 else self._schemas[0]

    async def _ping(self) -> None:
        self.pings += 1
        if self.pings > 100:
            pytest.fail("it is pinged without a pause")
        if not self.is_reached:
            raise DatabaseUnavailable

    async def poll(self) -> None:
        """What is done while it is available."""
        self.polls += 1

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch it for as long as the block lasts."""
        self.availability.call_back(self.told.append)
        watching = asyncio.create_task(self.availability.watch(self.poll))
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching


async def test_an_available_database_is_polled_every_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Watched(monkeypatch, [CURRENT], INTERVAL)
    await database.availability.start()
    started = time.monotonic()
    async with database.watched():
        await eventually(lambda: database.polls >= 3)
    assert database.polls <= database.pings <= (time.monotonic() - started) / INTERVAL + 1
    assert (database.checks, database.told) == (1, [True])


async def test_a_database_that_a_call_found_lost_is_checked_at_once_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Watched(monkeypatch, [CURRENT], PATIENCE * 10)
    await database.availability.start()
    async with database.watched():
        database.database.lost.set()
        await eventually(lambda: database.checks == 2)
        for _ in range(10):
            await asyncio.sleep(0)
    assert (database.checks, database.pings) == (2, 0)


async def test_a_database_that_is_not_reached_any_more_is_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = Watched(monkeypatch, [CURRENT], INTERVAL)
    caplog.set_level(logging.INFO, "holdfast.storage")
    await database.availability.start()
    async with database.watched():
        database.is_reached = False
        await eventually(lambda: not database.availability.is_available)
        database.is_reached = True
        await eventually(lambda: database.availability.is_available)
    assert database.told == [True, False, True]
    assert [record.message for record in caplog.records] == [
        "the database is available",
        "the database is unavailable",
        "the database is available",
    ]
    assert database.polls == 0


async def test_a_database_without_our_schema_is_checked_and_told_of_until_it_has_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database = Watched(monkeypatch, [NONE, NONE, CURRENT], INTERVAL)
    async with database.watched():
        await eventually(lambda: database.polls > 0)
    assert (database.checks, database.told) == (3, [False, True])
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(error.message, error.__dict__["problem"]) for error in errors] == [
        ("not serving", NONE.problem())
    ] * 2
