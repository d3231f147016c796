"""Fresh databases: every test has one of its own, copied from a migrated one in a few milliseconds."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from holdfast_server.storage import migrations

# Text does not sort by its bytes here, as on most servers of our users, and unlike locale C.
_COLLATION = "en-US-x-icu"


class PostgresDatabases:
    """Databases on one PostgreSQL. `url` leads to any database of it, as a role that may create others."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._prefix = f"holdfast_test_{secrets.token_hex(4)}"
        self._template: str | None = None
        self._number = count(1)

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Give the URL of a database with our schema and no rows, for as long as the block lasts."""
        if self._template is None:
            template = await self._create("")
            await migrations.upgrade(self._at(template))
            self._template = template
        async with self._lent(f"TEMPLATE {self._template}") as url:
            yield url

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[str]:
        """Give the URL of a database without a schema, for as long as the block lasts."""
        async with self._lent("") as url:
            yield url

    async def remove(self) -> None:
        """Drop the template."""
        if self._template is not None:
            await self._drop(self._template)
            self._template = None

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
            # A server that a test killed may not have noticed yet that its clients are gone.
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        finally:
            await connection.close()

    def _at(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


class SqliteDatabases:
    """SQLite files, copied from a migrated one."""

    def __init__(self, directory: Path) -> None:
        self._template = directory / "template.db"

    async def fresh(self, directory: Path) -> str:
        """Return the URL of a new file with our schema and no rows."""
        if not self._template.exists():
            await migrations.upgrade(sqlite_url(self._template))
        path = directory / "holdfast.db"
        shutil.copyfile(self._template, path)
        return sqlite_url(path)


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.absolute()}"
