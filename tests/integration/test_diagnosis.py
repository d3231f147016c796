"""What `doctor` and `migrate` learn from a database, on each engine."""

from __future__ import annotations

import asyncio
import json

import pytest

from holdfastdb_server.cli import checks
from holdfastdb_server.storage.engines.diagnosis import diagnose, sqlite_path
from holdfastdb_server.storage.options import StorageOptions
from tests.support.command_line import Done, run_command
from tests.support.databases import PostgresDatabases
from tests.support.processes import free_port
from tests.support.waiting import patient


async def doctor(url: str, *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and what was found by the names of the checks."""
    target = f"127.0.0.1:{free_port()}"
    command = ("doctor", "--json", "--target", target, "--database-url", url, *arguments)
    done = await asyncio.to_thread(run_command, *command)
    return done.code, {check["check"]: check for check in map(json.loads, done.out.splitlines())}


async def migrate(url: str) -> Done:
    return await asyncio.to_thread(run_command, "migrate", "--database-url", url)


async def test_a_migrated_database_is_in_order(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # How long a busy machine takes for a round trip says nothing about the database.
    monkeypatch.setattr(checks, "_SLOW", patient(checks._SLOW))
    diagnosis = await diagnose(StorageOptions(database_url))
    assert diagnosis.schema.is_current
    assert diagnosis.round_trip > 0
    if sqlite_path(database_url):
        assert diagnosis.version.startswith("SQLite 3.")
        assert diagnosis.connections_free is diagnosis.clock_ahead is None
    else:
        assert diagnosis.version.startswith("PostgreSQL ")
        assert diagnosis.connections_free is not None
        assert diagnosis.connections_max is not None
        assert 0 < diagnosis.connections_free < diagnosis.connections_max
        assert diagnosis.clock_ahead is not None
        assert abs(diagnosis.clock_ahead) < 5
    code, found = await doctor(database_url)
    assert code == 0
    assert {check["outcome"] for name, check in found.items() if name != "server"} == {"ok"}


async def test_an_empty_postgres_fails_until_it_is_migrated(postgres: PostgresDatabases) -> None:
    async with postgres.empty() as url:
        code, found = await doctor(url)
        assert code == 1
        assert (found["schema"]["outcome"], found["schema"]["advice"]) == ("fail", "run `holdfast migrate`")
        done = await migrate(url)
        assert done.code == 0
        assert "from nothing to schema" in done.out
        assert "already" in (await migrate(url)).out
        code, found = await doctor(url)
        assert (code, found["schema"]["outcome"]) == (0, "ok")


async def test_a_url_may_have_the_parameters_of_libpq(postgres_url: str) -> None:
    join = "&" if "?" in postgres_url else "?"
    code, found = await doctor(f"{postgres_url}{join}sslmode=disable&application_name=holdfast")
    assert code == 0, found
    code, found = await doctor(f"{postgres_url}{join}sslmode=nonsense")
    assert (code, found["database"]["outcome"]) == (1, "fail")


async def test_a_pool_that_the_database_has_no_room_for_is_a_warning(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_DB_POOL_MAX", "1000")
    code, found = await doctor(postgres_url)
    assert (code, found["pool"]["outcome"]) == (0, "warn")
    assert "HOLDFAST_DB_POOL_MAX" in found["pool"]["advice"]
