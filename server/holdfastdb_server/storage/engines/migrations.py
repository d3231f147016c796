"""Migrations: which schema a database has, and how it is upgraded to ours."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.opening import open_database
from holdfastdb_server.storage.options import StorageOptions

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001",)
"""All revisions, oldest first. Listed here, so that a server starts without loading Alembic."""

# An arbitrary number, which no other program is likely to lock in the same database.
_LOCK = 0x486F6C6466617374

# Without the tables that SQLite creates by itself, for its own use and for FTS5.
_SQLITE_SCHEMA = """
    SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
    AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY rowid
"""
_HEAD = "-- Written by `make sqlite-schema`: what all migrations together make of a new file.\n\n"
# Separates statements of the script: triggers contain semicolons too.
_END = ";\n\n"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which revision a database has. `current` is None for one without our tables."""

    current: str | None
    head: str = REVISIONS[-1]

    @property
    def is_current(self) -> bool:
        """Whether this server can use it."""
        return self.current == self.head

    @property
    def is_newer(self) -> bool:
        """Whether a later release made it."""
        return self.current is not None and self.current not in REVISIONS

    def problem(self) -> str:
        """Return why this server does not use it, and what to run."""
        if self.is_newer:
            return (
                f"the database has schema {self.current}, which is newer than this server's {self.head}:"
                " run a newer holdfast"
            )
        found = "has no schema yet" if self.current is None else f"has schema {self.current}"
        return f"the database {found}, and this server needs {self.head}: run 'holdfast migrate'"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What an upgrade did."""

    before: str | None
    after: str


async def inspect(url: str) -> SchemaState:
    """Return the schema of a database. Raises DatabaseUnavailable."""
    database = open_database(StorageOptions(url=url))
    try:
        return await read_state(database)
    finally:
        await database.close()


async def read_state(database: Database) -> SchemaState:
    """Return the schema of an open database."""
    return await database.read(_state)


async def upgrade(url: str, *, pgbouncer: bool = False) -> Migrated:
    """Upgrade a database to our schema. Raises DatabaseUnavailable.

    Several servers may call it at once: the first migrates, the others wait for it and find nothing to do.
    """
    database = open_database(StorageOptions(url=url, statement_timeout=3600, pgbouncer=pgbouncer))
    try:
        return await upgrade_open(database)
    finally:
        await database.close()


async def upgrade_open(database: Database) -> Migrated:
    """Upgrade an open database to our schema. A newer schema is left as it is."""

    async def work(connection: AsyncConnection) -> Migrated:
        if connection.dialect.name == "postgresql":
            # The transaction's lock: a session's does not work through a pooler in transaction mode.
            await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = await _state(connection)
        if before.is_current or before.is_newer:
            return Migrated(before.current, before.current or "")
        is_new_file = before.current is None and connection.dialect.name == "sqlite"
        await connection.run_sync(_run_sqlite_script if is_new_file else _run_alembic)
        return Migrated(before.current, before.head)

    return await database.write(work)


def sql() -> str:
    """Return PostgreSQL's SQL from an empty database to our schema."""
    from alembic import command

    output = io.StringIO()
    config = _config()
    config.output_buffer = output
    command.upgrade(config, "head", sql=True)
    return output.getvalue()


def sqlite_script() -> str:
    """Return SQLite's SQL of our schema as all migrations make it, which is what `sqlite.sql` holds."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            _run_alembic(connection)
            statements = list(connection.scalars(sa.text(_SQLITE_SCHEMA)))
    finally:
        engine.dispose()
    statements.append(f"INSERT INTO alembic_version VALUES ('{REVISIONS[-1]}')")
    return _HEAD + "".join(statement + _END for statement in statements)


async def _state(connection: AsyncConnection) -> SchemaState:
    exists = await connection.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version"))
    if not exists:
        return SchemaState(None)
    return SchemaState(await connection.scalar(sa.text("SELECT version_num FROM alembic_version")))


def _run_sqlite_script(connection: sa.Connection) -> None:
    # A tenth of the time of the migrations, for which the first start of a server would wait.
    script = (_directory() / "sqlite.sql").read_text(encoding="utf-8")
    for statement in script.split(_END)[:-1]:
        connection.exec_driver_sql(statement)


def _run_alembic(connection: sa.Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    # Imported here: Alembic takes longer to load than all else at start, and is seldom needed.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_directory()).replace("%", "%%"))
    return config


def _directory() -> Path:
    packaged = Path(__file__).parents[2] / "migrations"  # in the wheel
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "migrations"
