"""How the database of a URL is opened."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.engines.postgres import PostgresDialect
from holdfastdb_server.storage.engines.sqlite import SqliteDialect
from holdfastdb_server.storage.options import StartupRefused, StorageOptions

_SQLITE_READERS = 4


def parse_url(text: str) -> sa.URL:
    """Return the URL with its driver. Raises StartupRefused if it is not one of a supported engine."""
    try:
        url = sa.make_url(text)
        backend = url.get_backend_name()
    except (sa.exc.SQLAlchemyError, ValueError):  # ValueError: a port that is no number
        raise StartupRefused(
            "the database URL cannot be read; it looks like sqlite:///file.db or "
            "postgresql://user:password@host:5432/database"
        ) from None
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+asyncpg")
    if backend == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise StartupRefused("SQLite needs a file: sqlite:///holdfast.db or sqlite:////absolute/path.db")
        return url.set(drivername="sqlite+aiosqlite")
    raise StartupRefused(f"no storage on '{backend}': the URL begins with sqlite:/// or postgresql://")


def open_database(options: StorageOptions) -> Database:
    """Return the database of the options, without connecting to it."""
    url = parse_url(options.url)
    if url.get_backend_name() == "sqlite":
        writer = _sqlite(url, pool_size=1, pool_timeout=options.pool_timeout)
        sa.event.listen(writer.sync_engine, "begin", _begin_immediate)
        readers = _sqlite(url, pool_size=_SQLITE_READERS, pool_timeout=options.pool_timeout)
        return Database(readers, writer, SqliteDialect(), _SQLITE_READERS)
    engine = _postgres(url, options)
    readers = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(readers, engine, PostgresDialect(), options.pool_max)


def _sqlite(url: sa.URL, *, pool_size: int, pool_timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: Any, record: object) -> None:
        # Otherwise the driver begins deferred transactions: readers need none, the writer begins IMMEDIATE.
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "busy_timeout = 5000",
            "cache_size = -16384",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _begin_immediate(connection: sa.Connection) -> None:
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once if there is another writer.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgres(url: sa.URL, options: StorageOptions) -> AsyncEngine:
    arguments: dict[str, Any] = {
        "timeout": options.connect_timeout,
        "command_timeout": options.statement_timeout,
    }
    if options.pgbouncer:
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        arguments["prepared_statement_name_func"] = lambda: ""
    # SQLAlchemy passes the URL's parameters to the driver as arguments; those of libpq, such as sslmode, the
    # driver takes in a URL only.
    further = {name: value for name, value in url.query.items() if name not in ("host", "port")}
    if further:
        arguments["dsn"] = sa.URL.create("postgresql", query=further).render_as_string()
    return create_async_engine(
        url.difference_update_query(further),
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        # By default SQLAlchemy parses json and jsonb, which loses the text as the caller wrote it.
        json_deserializer=str,
        # No overflow: SQLAlchemy closes overflow connections after each use, so a burst of calls would open
        # connections again and again.
        pool_size=options.pool_max,
        max_overflow=0,
        pool_timeout=options.pool_timeout,
        # The connection used last comes first: its statements are prepared.
        pool_use_lifo=True,
    )


def listen_url(options: StorageOptions) -> str:
    """Return the URL to listen on, as asyncpg takes it."""
    url = parse_url(options.listen_url or options.url).set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
