"""SQLite: what it does differently."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.values import JsonScalar, dump_json
from holdfastdb_server.storage.engines.base import SECONDS_TO_1970, BulkRows
from holdfastdb_server.storage.engines.columns import Micros, given_columns, singular
from holdfastdb_server.storage.engines.sqlite_full_text import SqliteFullText

_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}

# SQLite takes 32,766 parameters in a statement, and a table has less than 40 columns. The driver caches 128
# prepared statements of a connection; one of 100 rows of `events` takes 0.4 ms to prepare.
_ROWS_IN_STATEMENT = 100


class SqliteDialect:
    """SQLite through aiosqlite."""

    name: ClassVar[str] = "sqlite"
    _sql: SqlDialect = sqlite.dialect()

    def direct(self, select: sa.Select[Any]) -> None:
        """None: the hop to the driver's thread takes longer than SQLAlchemy does."""

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Read one JSON array of arrays, which can hold numbers and texts only."""
        selected = ", ".join(
            f"json_extract(value, '$[{index}]') AS {column}" for index, column in enumerate(columns)
        )
        converters = [self._converter(column_type) for column_type in columns.values()]

        def convert(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
            plain = [
                [c(value) if c else value for c, value in zip(converters, row, strict=True)] for row in rows
            ]
            return {f"{name}_rows": dump_json(plain)}

        return f"SELECT {selected} FROM json_each(:{name}_rows)", convert

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, on_conflict: str = ""
    ) -> None:
        """Run one prepared statement for all rows, in one hop to the driver's thread."""
        text = f"{_insert_into(table)} VALUES {_placeholders(table)} {on_conflict}"
        await connection.exec_driver_sql(text, self._converted(table, rows))

    async def insert_missing_rows(self, connection: AsyncConnection, table: sa.Table, rows: BulkRows) -> int:
        """Put many rows into one statement: executemany returns no rows of RETURNING."""
        placeholders = _placeholders(table)
        count = 0
        for start in range(0, len(rows), _ROWS_IN_STATEMENT):
            chunk = self._converted(table, rows[start : start + _ROWS_IN_STATEMENT])
            values = ", ".join([placeholders] * len(chunk))
            text = f"{_insert_into(table)} VALUES {values} ON CONFLICT DO NOTHING RETURNING 1"
            inserted = await connection.exec_driver_sql(text, tuple(chain.from_iterable(chunk)))
            count += len(inserted.all())
        return count

    def _converted(self, table: sa.Table, rows: BulkRows) -> list[tuple[Any, ...]]:
        converters = [self._converter(column.type) for column in given_columns(table)]
        return [
            tuple(c(value) if c else value for c, value in zip(converters, row, strict=True)) for row in rows
        ]

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    def _converter(self, column_type: TypeEngine[Any]) -> Any:
        return column_type.dialect_impl(self._sql).bind_processor(self._sql)

    def contains(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """Use the table of members that triggers maintain: `session_label_index` for `sessions`."""
        table = column.table
        assert isinstance(table, sa.Table)
        members = sa.table(
            f"{singular(table)}_label_index",
            *map(sa.column, ("row_key", "field", "name", "type", "value")),
        )
        return sa.and_(
            *(
                table.c.key.in_(
                    sa.select(members.c.row_key).where(
                        members.c.field == column.name,
                        members.c.name == sa.bindparam(f"{name}_name_{index}"),
                        _is_scalar(members.c.type, members.c.value, f"{name}_value_{index}", value_type),
                    )
                )
                for index, value_type in enumerate(types)
            )
        )

    def holds(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """Compare the members of the row's own object."""
        conditions = []
        for index, value_type in enumerate(types):
            member = sa.func.json_each(sa.type_coerce(column, sa.Text)).table_valued("key", "type", "value")
            kind = sa.case((member.c.type.in_(("integer", "real")), "number"), else_=member.c.type)
            matches = sa.and_(
                member.c.key == sa.bindparam(f"{name}_name_{index}"),
                _is_scalar(kind, member.c.value, f"{name}_value_{index}", value_type),
            )
            conditions.append(sa.exists().select_from(member).where(matches))
        return sa.and_(*conditions)

    def members(self, name: str, wanted: Mapping[str, JsonScalar]) -> dict[str, Any]:
        """Two parameters a member; the value of a boolean is that of its type, and null has none."""
        params: dict[str, Any] = {}
        for index, (member, value) in enumerate(wanted.items()):
            params[f"{name}_name_{index}"] = member
            if isinstance(value, bool):
                params[f"{name}_value_{index}"] = "true" if value else "false"
            elif value is not None:
                params[f"{name}_value_{index}"] = value
        return params

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """Round down. % has the sign of the time, which may be before 1970: hence it is applied twice."""
        width = seconds * 1_000_000
        micros = sa.type_coerce(column, sa.BigInteger)
        start = micros - (micros % width + width) % width
        return sa.type_coerce(sa.func.max(start, -SECONDS_TO_1970 * 1_000_000), Micros)

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """Times are stored as microseconds."""
        return sa.type_coerce(end, sa.BigInteger) - sa.type_coerce(start, sa.BigInteger)

    def member(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
        return sa.func.json_extract(column, sa.bindparam(name, type_=sa.Text), type_=sa.Text())

    def member_path(self, path: Sequence[str]) -> str:
        """Names in a path are quoted."""
        return "$" + "".join(f'."{name}"' for name in path)

    def member_text(self, name: str, *, is_object: bool) -> sa.ColumnElement[str]:
        """json_extract returns objects as they were stored."""
        return sa.bindparam(name, type_=sa.Text)

    def first_segments(
        self, path: sa.ColumnElement[str], count: sa.ColumnElement[int]
    ) -> sa.ColumnElement[str]:
        """Make a JSON array of the segments: SQLite has no other arrays."""
        segments = sa.func.replace(sa.func.json_quote(path), "/", '","', type_=sa.Text())
        each = sa.func.json_each("[" + segments + "]").table_valued("key", "value")
        first = sa.select(each.c.value).where(each.c.key < count).order_by(each.c.key).subquery()
        return sa.select(sa.func.group_concat(first.c.value, "/", type_=sa.Text())).scalar_subquery()

    def full_text(self, table: str) -> SqliteFullText:
        """FTS5."""
        return SqliteFullText(table)

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """Nothing to do: there is one writer."""

    def clock(self) -> sa.ColumnElement[datetime]:
        """The clock of this process: no other process uses the file."""
        return sa.bindparam(None, callable_=lambda: datetime.now(UTC), type_=Micros)

    def is_unavailable(self, error: BaseException | None) -> bool:
        """A full or failing disk, a lock that another process holds, or a file that cannot be opened."""
        return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _SQLITE_UNAVAILABLE

    def is_schema_error(self, error: BaseException | None) -> bool:
        """A missing table or column."""
        return isinstance(error, sqlite3.OperationalError) and "no such" in str(error)

    def is_transient(self, error: BaseException | None) -> bool:
        """Nothing: there is one writer."""
        return False


def _insert_into(table: sa.Table) -> str:
    return f"INSERT INTO {table.name} ({', '.join(column.name for column in given_columns(table))})"


def _placeholders(table: sa.Table) -> str:
    return f"({', '.join('?' * len(given_columns(table)))})"


def _is_scalar(
    kind: sa.ColumnElement[Any], actual: sa.ColumnElement[Any], name: str, value_type: type
) -> sa.ColumnElement[bool]:
    """Whether a member, whose JSON type is `kind`, has the parameter's value, which is of this type."""
    if value_type is type(None):
        return kind == "null"
    if value_type is bool:
        return kind == sa.bindparam(name)
    if value_type is str:
        return sa.and_(kind == "text", actual == sa.bindparam(name))
    number = sa.bindparam(name, type_=sa.Integer if value_type is int else sa.Float)
    return sa.and_(kind == "number", actual == number)
