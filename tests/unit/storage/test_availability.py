"""How the database is watched while every check of it fails."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.availability import Availability
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions

INTERVAL = 0.05


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
