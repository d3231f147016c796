"""Migrations: one at a time, never of a newer schema, and with time for long statements."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.migrations import Migrated, SchemaState
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions
from tests.support.databases import PostgresDatabases
from tests.support.waiting import eventually

# The number that the servers of every release lock: another one would let two of them migrate at once.
LOCK = 5219509671615886196
HEAD = migrations.REVISIONS[-1]


@pytest.mark.parametrize(
    ("state", "is_current", "is_newer", "problem"),
    [
        (SchemaState(HEAD), True, False, ""),
        (SchemaState(None), False, False, "has no schema yet, and this server needs"),
        (SchemaState(HEAD, "9999"), False, False, f"has schema {HEAD}, and this server needs 9999"),
        (SchemaState("9999"), False, True, f"has schema 9999, which is newer than this server's {HEAD}"),
    ],
)
def test_what_a_database_needs_is_said(
    state: SchemaState, is_current: bool, is_newer: bool, problem: str
) -> None:
    assert (state.is_current, state.is_newer) == (is_current, is_newer)
    assert is_current or problem in state.problem()


async def test_a_newer_schema_is_left_as_it_is(database_url: str) -> None:
    database = open_database(StorageOptions(database_url))
    await database.write(
        lambda connection: connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )
    assert await migrations.upgrade_open(database) == Migrated("9999", "9999")
    assert (await migrations.read_state(database)).is_newer
    await database.close()


async def test_a_second_server_waits_for_the_first_to_migrate(postgres: PostgresDatabases) -> None:
    async with postgres.empty() as url:
        first = await asyncpg.connect(url)
        await first.execute(f"SELECT pg_advisory_lock({LOCK})")
        upgrading = asyncio.create_task(migrations.upgrade(url))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
        waiting += " (SELECT oid FROM pg_database WHERE datname = current_database())"

        async def waits() -> bool:
            return upgrading.done() or bool(await first.fetchval(waiting))

        await eventually(waits)
        assert not upgrading.done()
        await first.close()
        assert await upgrading == Migrated(None, HEAD)


@pytest.mark.parametrize("pgbouncer", [{}, {"pgbouncer": True}], ids=str)
async def test_a_statement_of_a_migration_has_an_hour(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, pgbouncer: dict[str, Any]
) -> None:
    opened: list[StorageOptions] = []

    def open_it(options: StorageOptions) -> Database:
        opened.append(options)
        return open_database(options)

    monkeypatch.setattr(migrations, "open_database", open_it)
    await migrations.upgrade(postgres_url, **pgbouncer)
    assert opened == [
        StorageOptions(postgres_url, statement_timeout=3600, pgbouncer=bool(pgbouncer)),
    ]


def test_all_sql_is_written_without_a_database() -> None:
    written = migrations.sql()
    for statement in (
        "CREATE TABLE sessions",
        f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')",
    ):
        assert statement in written


def test_an_installed_package_has_its_own_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = tmp_path / "site-packages/holdfastdb_server/migrations"
    packaged.mkdir(parents=True)
    module = packaged.parent / "storage/engines/migrations.py"
    monkeypatch.setattr(migrations, "__file__", str(module))
    assert migrations._directory() == packaged
