"""Diagnosis of a database, for `holdfast doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import driver_error
from holdfastdb_server.storage.engines.file_lock import FileLock
from holdfastdb_server.storage.engines.migrations import SchemaState, read_state
from holdfastdb_server.storage.engines.opening import open_database, parse_url
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.options import StartupRefused, StorageOptions


class NotReached(Exception):
    """The database cannot be reached. The message is the driver's."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of a database. The last three are None on SQLite."""

    version: str
    """Such as `PostgreSQL 16.4`."""
    schema: SchemaState
    round_trip: float
    """Seconds that `SELECT 1` takes."""
    connections_free: int | None = None
    """How many more connections it accepts, without those reserved for superusers."""
    connections_max: int | None = None
    clock_ahead: float | None = None
    """Seconds by which its clock is ahead of this machine's."""


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for another one. Raises StartupRefused for what is no URL."""
    parsed = parse_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def holder(path: Path) -> str:
    """Return why a server could not lock this SQLite file now; empty if it could. Creates no file."""
    if not path.with_name(f"{path.name}.lock").exists():
        return ""
    lock = FileLock(str(path))
    try:
        lock.acquire()
    except StartupRefused as refused:
        return str(refused)
    lock.release()
    return ""


async def diagnose(options: StorageOptions) -> Diagnosis:
    """Return the state of the database. Raises NotReached, StartupRefused.

    A SQLite file that does not exist is created.
    """
    database = open_database(options)
    ask = _ask_postgres if isinstance(database.dialect, PostgresDialect) else _ask_sqlite
    try:
        schema = await read_state(database)
        return await database.read(lambda connection: ask(connection, schema))
    except (DatabaseUnavailable, SQLAlchemyError, OSError) as error:
        cause = driver_error(error)
        raise NotReached(str(cause) or type(cause).__name__) from error
    finally:
        await database.close()


async def _ask_postgres(connection: AsyncConnection, schema: SchemaState) -> Diagnosis:
    started = time.perf_counter()
    await connection.scalar(sa.text("SELECT 1"))
    round_trip = time.perf_counter() - started
    row = (
        await connection.execute(
            sa.text(
                "SELECT current_setting('server_version'), current_setting('max_connections')::int,"
                " current_setting('superuser_reserved_connections')::int,"
                " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
                " clock_timestamp()"
            )
        )
    ).one()
    version, maximum, reserved, used, now = row
    return Diagnosis(
        version=f"PostgreSQL {version.partition(' ')[0]}",
        schema=schema,
        round_trip=round_trip,
        connections_free=maximum - reserved - used,
        connections_max=maximum,
        clock_ahead=(now - datetime.now(UTC)).total_seconds(),
    )


async def _ask_sqlite(connection: AsyncConnection, schema: SchemaState) -> Diagnosis:
    started = time.perf_counter()
    version = await connection.scalar(sa.text("SELECT sqlite_version()"))
    return Diagnosis(f"SQLite {version}", schema, time.perf_counter() - started)
