"""The migrations make just the tables, columns, constraints and indexes that the storage works with."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from holdfastdb_server.storage import schema
from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions
from tests.support.databases import PostgresDatabases, sqlite_url

_ON_POSTGRES = (
    """
    SELECT format('column %s.%s %s %s %s %s', table_name, column_name, data_type, collation_name, is_nullable,
                  coalesce(column_default, is_identity))
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN
        (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
    """,
    "SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    """,
)
_ON_SQLITE = (
    """
    SELECT format('column %s.%s %s %s %s', t.name, c.name, c."notnull", c.dflt_value, c.pk)
    FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
    """,
    """
    SELECT format('key %s.%s -> %s.%s %s', t.name, f."from", f."table", f."to", f.on_delete)
    FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'
    """,
    """
    SELECT format('index %s %s unique %s partial %s: %s', i.name, t.name, i."unique", i.partial, c.name)
    FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE t.type = 'table'
    """,
    "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
)
_ALEMBIC = re.compile("alembic_version")
# The indexes of labels and words differ on SQLite: tables that triggers maintain, and FTS5.
_OF_SEARCH = re.compile("_label_index|_full_text")


async def catalog(url: str) -> set[str]:
    """Return all that the database says of the tables."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            found = [line for query in _ON_SQLITE for (line,) in file.execute(query)]
        file.close()
        found = [line for line in found if not _OF_SEARCH.search(line)]
    else:
        connection = await asyncpg.connect(url)
        found = [line for query in _ON_POSTGRES for (line,) in await connection.fetch(query)]
        await connection.close()
    return {" ".join(line.split()) for line in found if not _ALEMBIC.search(line)}


@pytest.fixture
async def empty_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a database without a schema, on each engine in turn."""
    if engine == "sqlite":
        yield sqlite_url(tmp_path / "empty.db")
        return
    databases: PostgresDatabases = request.getfixturevalue("postgres")
    async with databases.empty() as url:
        yield url


async def test_the_first_migration_makes_all_tables_and_indexes(database_url: str, empty_url: str) -> None:
    database = open_database(StorageOptions(url=empty_url))
    await database.write(lambda connection: connection.run_sync(schema.metadata.create_all))
    await database.close()
    migrated, wanted = await catalog(database_url), await catalog(empty_url)
    assert len(wanted) > 150
    assert sorted(migrated - wanted) == []
    assert sorted(wanted - migrated) == []


async def test_a_second_migration_finds_nothing_to_do(empty_url: str) -> None:
    assert (await migrations.upgrade(empty_url)).before is None
    before = await catalog(empty_url)
    again = await migrations.upgrade(empty_url)
    assert again.before == again.after == migrations.REVISIONS[-1]
    assert await catalog(empty_url) == before


async def test_a_new_sqlite_file_gets_what_all_migrations_make() -> None:
    script = Path(migrations.__file__).parents[4] / "migrations/sqlite.sql"
    assert script.read_text() == migrations.sqlite_script(), "write it anew: make sqlite-schema"
