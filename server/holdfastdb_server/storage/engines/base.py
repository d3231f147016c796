"""What SQLite and PostgreSQL do differently, as one interface.

Nothing outside of this package, of storage/postgres and of the migrations asks which engine it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.values import JsonScalar
from holdfastdb_server.storage.engines.columns import to_micros
from holdfastdb_server.storage.engines.direct import DirectSelect
from holdfastdb_server.storage.engines.full_text import FullText

BulkRows = Sequence[tuple[Any, ...]]


class InlineRows:
    """A table of parameters in a statement: its columns are `rows.c.x`, its rows are `rows.params(...)`."""

    def __init__(self, dialect: Dialect, name: str, columns: Mapping[str, TypeEngine[Any]]) -> None:
        self._dialect = dialect
        self._name = name
        text, self._convert = dialect.inline_rows(name, columns)
        self.table = sa.text(text).columns(**columns).subquery(name)
        self.c = self.table.c

    def params(self, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """Return the parameters that make the table hold these rows."""
        params: dict[str, Any] = self._convert(rows)
        return params


class Dialect(Hashable, Protocol):
    """What the two engines do differently."""

    name: ClassVar[str]

    def direct(self, select: sa.Select[Any]) -> DirectSelect | None:
        """Return a SELECT for the driver; None if it is no faster than through SQLAlchemy."""
        ...

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Return a SELECT of rows that are parameters, and the function that makes those of rows."""
        ...

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, on_conflict: str = ""
    ) -> None:
        """Insert many rows, which have its `given_columns` in order. `on_conflict` is an upsert's clause."""
        ...

    async def insert_missing_rows(self, connection: AsyncConnection, table: sa.Table, rows: BulkRows) -> int:
        """Insert those of many rows whose unique keys do not exist; return how many were inserted.

        They are counted by RETURNING: what a driver gives as the number of rows of an INSERT with ON CONFLICT
        DO NOTHING includes, behind some proxies of PostgreSQL, rows that were not inserted.
        """
        ...

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Return an INSERT that can have ON CONFLICT."""
        ...

    def contains(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """Whether a searchable column of a table with an index for it has all members of an object.

        Their names and values are the parameters that `members` returns for `name`; the values have these
        types.
        """
        ...

    def holds(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """The same for a column without an index, to filter rows that are found by other conditions."""
        ...

    def members(self, name: str, wanted: Mapping[str, JsonScalar]) -> dict[str, Any]:
        """Return the parameters that give `contains` and `holds` the object."""
        ...

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """Return the start of the time bucket that a time falls into, at the earliest the year 1."""
        ...

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """Return the microseconds from one time to another."""
        ...

    def member(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
        """Return a member of an object of texts and objects, as text that compares by bytes.

        The parameter `name` is its path, as `member_path` returns it. NULL if there is none.
        """
        ...

    def member_path(self, path: Sequence[str]) -> str | list[str]:
        """Return the parameter for a path of names that need no escaping (domain/documents/content.py)."""
        ...

    def member_text(self, name: str, *, is_object: bool) -> sa.ColumnElement[str]:
        """Return what `member` returns for the text, or the object as JSON, in the parameter `name`."""
        ...

    def first_segments(
        self, path: sa.ColumnElement[str], count: sa.ColumnElement[int]
    ) -> sa.ColumnElement[str]:
        """Return the first segments of a path whose segments are joined by `/`."""
        ...

    def full_text(self, table: str) -> FullText:
        """Return the full-text index that has this name."""
        ...

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """Lock a name until the transaction ends, after waiting for any other that has locked it."""
        ...

    def clock(self) -> sa.ColumnElement[datetime]:
        """Return the time of the statement, by a clock that all servers of the database share."""
        ...

    def is_unavailable(self, error: BaseException | None) -> bool:
        """Whether an error of the driver means that the database cannot be used now."""
        ...

    def is_schema_error(self, error: BaseException | None) -> bool:
        """Whether an error of the driver means that the schema is not the one we know."""
        ...

    def is_transient(self, error: BaseException | None) -> bool:
        """Whether the transaction may succeed if it is run again at once after this error of the driver."""
        ...


# Seconds from the first year to 1970.
SECONDS_TO_1970 = -to_micros(datetime.min.replace(tzinfo=UTC)) // 1_000_000
