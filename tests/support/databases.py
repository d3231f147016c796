"""Fresh databases: copied from a migrated one in a few milliseconds."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from holdfastdb_server.storage.engines import migrations
from holdfastdb_server.storage.engines.migrations import REVISIONS

# Text does not sort by its bytes here, as on most servers of our users, and unlike locale C.
_COLLATION = "en-US-x-icu"
_WORTH_DELETING = 30 * 1024 * 1024
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_DELETIONS = """
    SELECT string_agg(format('DELETE FROM %I;', tablename), ' ') FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


class PostgresDatabases:
    """Databases on one PostgreSQL. `url` leads to any database of it, as a role that may create others."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"holdfast_test_{secrets.token_hex(4)}"
        self._template: str | None = None
        self._number = count(1)
        self._emptied: list[str] = []

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Give the URL of a database with our schema and no rows, for as long as the block lasts."""
        async with self._lent(await self._from_template()) as url:
            yield url

    @asynccontextmanager
    async def reused(self) -> AsyncIterator[str]:
        """Do as `fresh` does, in a fraction of the time, for tests that leave the schema as it is.

        The database may be one that another test has used; of that test's rows none is left.
        """
        name = self._emptied.pop() if self._emptied else await self._create(await self._from_template())
        yield self._at(name)
        if await self._empty(name):
            self._emptied.append(name)
        else:
            await self._drop(name)

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """Give the URL of a database without a schema, for as long as the block lasts."""
        async with self._lent("") as url:
            yield url

    async def remove(self) -> None:
        """Drop what is left."""
        names = [*self._emptied, *([self._template] if self._template else [])]
        self._emptied, self._template = [], None
        for name in names:
            await self._drop(name)

    async def _from_template(self) -> str:
        if self._template is None:
            template = await self._create("")
            await migrations.upgrade(self._at(template))
            self._template = template
        return f"TEMPLATE {self._template}"

    async def _empty(self, name: str) -> bool:
        """Delete all rows of a database; return whether it can be used again."""
        connection = await asyncpg.connect(self._at(name))
        try:
            if await connection.fetchval("SELECT pg_database_size(current_database())") > _WORTH_DELETING:
                return False
            if await connection.fetchval("SELECT version_num FROM alembic_version") != REVISIONS[-1]:
                return False
            # A test that failed may have left a transaction open.
            await connection.execute(_END_OTHERS)
            await connection.execute(await connection.fetchval(_DELETIONS))
        finally:
            await connection.close()
        return True

    @asynccontextmanager
    async def _lent(self, options: str) -> AsyncIterator[str]:
        name = await self._create(options)
        try:
            yield self._at(name)
        finally:
            await self._drop(name)

    async def _create(self, options: str) -> str:
        name = f"{self._prefix}_{next(self._number)}"
        connection = await asyncpg.connect(self.url)
        try:
            if not options:
                options = await self._locale(connection)
            await connection.execute(f"CREATE DATABASE {name} {options}")
        finally:
            await connection.close()
        return name

    async def _locale(self, connection: asyncpg.Connection) -> str:
        """Ask for a locale that does not sort by bytes, where there is one (PostgreSQL 15 and newer)."""
        known = "SELECT EXISTS (SELECT FROM pg_collation WHERE collname = $1)"
        if connection.get_server_version().major >= 15 and await connection.fetchval(known, _COLLATION):
            return "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' ENCODING 'UTF8'"
        return "TEMPLATE template0 ENCODING 'UTF8'"

    async def _drop(self, name: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            # A backend may not have noticed yet that a test killed its client.
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await connection.close()

    def _at(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


class SqliteDatabases:
    """SQLite files in one directory, copied from a migrated one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._template = directory / "template.db"
        self._number = count(1)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Give the URL of a file with our schema and no rows, for as long as the block lasts."""
        if not self._template.exists():
            await migrations.upgrade(sqlite_url(self._template))
        directory = self._directory / str(next(self._number))
        directory.mkdir()
        path = directory / "holdfast.db"
        shutil.copyfile(self._template, path)
        try:
            yield sqlite_url(path)
        finally:
            shutil.rmtree(directory)

    reused = fresh
    """A copy takes less than to delete rows does."""


Databases = PostgresDatabases | SqliteDatabases
"""The databases of an engine: `fresh` gives an empty one with our schema, `reused` one like it, quickly."""


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.absolute()}"


def sqlite_path(url: str) -> Path:
    """Return the SQLite file of a URL."""
    return Path(url.removeprefix("sqlite:///"))
