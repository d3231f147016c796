"""What `doctor` and `migrate` learn from a database, on each engine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.cli import checks
from holdfastdb_server.storage.engines import diagnosis
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.diagnosis import NotReached, diagnose, sqlite_path
from holdfastdb_server.storage.options import StorageOptions
from tests.support.command_line import Done, run_command
from tests.support.databases import PostgresDatabases
from tests.support.postgres import PostgresCluster
from tests.support.processes import free_port
from tests.support.waiting import eventually, patient


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
    found_here = await diagnose(StorageOptions(database_url))
    assert found_here.schema.is_current
    if sqlite_path(database_url):
        assert found_here.version.startswith("SQLite 3.")
        assert found_here.connections_free is found_here.clock_ahead is None
    else:
        assert found_here.version.startswith("PostgreSQL ")
        assert found_here.connections_free is not None
        assert found_here.connections_max is not None
        assert 0 < found_here.connections_free < found_here.connections_max
        assert found_here.clock_ahead is not None
        assert abs(found_here.clock_ahead) < 5
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


async def test_the_round_trip_is_the_time_of_a_statement(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    scalar = AsyncConnection.scalar

    async def slow(connection: AsyncConnection, *arguments: Any) -> Any:
        nonlocal now
        now += 0.25
        return await scalar(connection, *arguments)

    monkeypatch.setattr(diagnosis, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(AsyncConnection, "scalar", slow)
    assert (await diagnose(StorageOptions(database_url))).round_trip == 0.25


async def test_the_free_connections_are_those_that_others_leave(cluster: PostgresCluster) -> None:
    connection = await asyncpg.connect(cluster.url)
    most, reserved = [
        int(await connection.fetchval(f"SHOW {name}"))
        for name in ("max_connections", "superuser_reserved_connections")
    ]

    async def agrees() -> bool:  # once those that have started the cluster are gone
        # This connection, and that of the diagnosis.
        return (await diagnose(StorageOptions(cluster.url))).connections_free == most - reserved - 2

    await eventually(agrees, "all but two connections are free")
    await connection.close()


async def test_a_database_that_is_not_reached_is_an_error_with_the_words_of_the_driver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = StorageOptions(f"postgresql://127.0.0.1:{free_port()}/none")
    with pytest.raises(NotReached, match="Connect call failed"):
        await diagnose(options)

    async def time_out(database: Database) -> None:
        raise TimeoutError

    monkeypatch.setattr(diagnosis, "read_state", time_out)
    with pytest.raises(NotReached, match="TimeoutError"):
        await diagnose(options)


def test_the_file_of_a_url_is_its_path() -> None:
    assert sqlite_path("sqlite:///some/file.db") == Path("some/file.db")
    assert sqlite_path("postgresql://localhost/some") is None
