"""Every difference between SQLite and PostgreSQL, once.

Nothing outside of this file and of the migrations asks which engine it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Protocol

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.values import JsonScalar, dump_json
from holdfastdb_server.storage.engines.columns import Micros, to_micros
from holdfastdb_server.storage.engines.direct import DirectSelect
from holdfastdb_server.storage.engines.full_text import PostgresWordSearch, SqliteWordSearch, WordSearch
from holdfastdb_server.storage.engines.json_rows import JsonRows, few
from holdfastdb_server.storage.schema.base import singular

_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
BulkRows = Sequence[tuple[Any, ...]]


class InlineRows:
    """Rows of parameters as a table: `rows.c.x` in SQL, `rows.params(...)` to fill it."""

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
        """Return a SELECT for the driver; None if nothing is gained by leaving SQLAlchemy out."""
        ...

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Return a SELECT of parameter rows, and the function that makes its parameters of rows."""
        ...

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, on_conflict: str = ""
    ) -> int:
        """Insert many rows, which have the table's columns in order; return how many were written."""
        ...

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """Return an INSERT that knows ON CONFLICT."""
        ...

    def contains(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """Whether a searchable column of a table with an index for it has all of these members."""
        ...

    def holds(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """The same for a column without an index, in rows found otherwise."""
        ...

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """Return the start of the time bucket that a time falls into, but no time before the year 1."""
        ...

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """Return how long it is from one time to another."""
        ...

    def member(self, column: sa.ColumnElement[Any], path: Sequence[str]) -> sa.ColumnElement[str]:
        """Return the member of an object of texts and objects at a path, as text that compares by bytes.

        The names must need no escaping (domain/documents/content.py); NULL if there is none.
        """
        ...

    def member_text(self, text: str) -> sa.ColumnElement[str]:
        """Return the text as which `member` returns a text, or an object that is given as JSON."""
        ...

    def first_segments(self, path: sa.ColumnElement[str], count: int) -> sa.ColumnElement[str]:
        """Return the first segments of a path whose segments are joined by `/`."""
        ...

    def word_search(self, table: str) -> WordSearch:
        """Return the search for words in the full-text index that has this name."""
        ...

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """Wait until no other transaction holds the name, and hold it until this one ends."""
        ...

    def clock(self) -> sa.ColumnElement[datetime]:
        """Return the time of the statement, by a clock that all servers of a database share."""
        ...

    def is_unavailable(self, error: BaseException | None) -> bool:
        """Whether an error of the driver means that the database cannot be used now."""
        ...

    def is_schema_error(self, error: BaseException | None) -> bool:
        """Whether an error of the driver means that the schema is not the one we know."""
        ...

    def is_transient(self, error: BaseException | None) -> bool:
        """Whether an error of the driver may be gone if the transaction is run again at once."""
        ...


_SECONDS_TO_1970 = -to_micros(datetime.min.replace(tzinfo=UTC)) // 1_000_000


class PostgresDialect:
    """PostgreSQL 14 to 18 through asyncpg."""

    name: ClassVar[str] = "postgresql"
    _sql: SqlDialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped

    def __init__(self) -> None:
        self._inserts: dict[tuple[str, str], tuple[str, JsonRows]] = {}

    def direct(self, select: sa.Select[Any]) -> DirectSelect:
        """As asyncpg's dialect of SQLAlchemy would send it."""
        return DirectSelect(select, self._sql)

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Read one JSON array."""
        rows = JsonRows(columns, self._sql)
        values = ", ".join(f"{value.format(column)} AS {column}" for column, value in rows.values.items())
        table = rows.table(f"CAST(:{name}_rows AS bytea)", "_")
        return f"SELECT {values} FROM {few(table)}", lambda values: {f"{name}_rows": rows.dump(values)}

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, on_conflict: str = ""
    ) -> int:
        """Read one JSON array."""
        if (table.name, on_conflict) not in self._inserts:
            self._inserts[table.name, on_conflict] = self._insert_statement(table, on_conflict)
        text, json_rows = self._inserts[table.name, on_conflict]
        return (await connection.exec_driver_sql(text, (json_rows.dump(rows),))).rowcount

    def json_rows(self, columns: Mapping[str, TypeEngine[Any]]) -> JsonRows:
        """Return rows with these columns as one parameter."""
        return JsonRows(columns, self._sql)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        """See Dialect."""
        return postgresql.insert(table)

    def _insert_statement(self, table: sa.Table, on_conflict: str) -> tuple[str, JsonRows]:
        rows = JsonRows({column.name: column.type for column in table.columns}, self._sql)
        text = f"{rows.insertion(table, '_')} FROM {rows.table('$1::bytea', '_')} {on_conflict}"
        return text, rows

    def contains(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """jsonb containment, which the GIN index answers."""
        document = sa.cast(sa.literal(dump_json(wanted), sa.Text), postgresql.JSONB)
        return column.bool_op("@>")(document)

    def holds(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """jsonb containment."""
        return self.contains(column, wanted)

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """date_bin, which rounds down before 1970 too."""
        width = sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        epoch = sa.text("TIMESTAMPTZ '1970-01-01 00:00:00+00'")
        first = sa.text("TIMESTAMPTZ '0001-01-01 00:00:00+00'")
        # Longer than from the first year to 1970: what date_bin would return PostgreSQL may not know.
        reaches_back = sa.and_(column < epoch, sa.literal(seconds > _SECONDS_TO_1970))
        start = sa.case((reaches_back, first), else_=sa.func.date_bin(width, column, epoch))
        return sa.type_coerce(sa.func.greatest(start, first), Micros)

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """EXTRACT gives an exact numeric."""
        return sa.cast(sa.extract("epoch", end - start) * 1_000_000, sa.BigInteger)

    def member(self, column: sa.ColumnElement[Any], path: Sequence[str]) -> sa.ColumnElement[str]:
        """An operator of jsonb."""
        way = sa.cast(list(path), postgresql.ARRAY(sa.Text))
        return column.op("#>>", return_type=sa.Text())(way).collate("C")

    def member_text(self, text: str) -> sa.ColumnElement[str]:
        """jsonb writes objects in its own way."""
        value = sa.literal(text, sa.Text)
        return sa.cast(sa.cast(value, postgresql.JSONB), sa.Text) if text.startswith("{") else value

    def first_segments(self, path: sa.ColumnElement[str], count: int) -> sa.ColumnElement[str]:
        """A slice of an array."""
        segments = sa.func.string_to_array(path, "/", type_=postgresql.ARRAY(sa.Text))
        return sa.func.array_to_string(segments[1:count], "/", type_=sa.Text())

    def word_search(self, table: str) -> PostgresWordSearch:
        """tsvector and GIN."""
        return PostgresWordSearch(table)

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """An advisory lock, on a number made of the name."""
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def clock(self) -> sa.ColumnElement[datetime]:
        """Not now(), which is the transaction's: time goes on while that waits for a lock."""
        return sa.func.statement_timestamp(type_=Micros)

    def is_unavailable(self, error: BaseException | None) -> bool:
        """Lost or refused connections, a server that starts, stops, is full or only reads."""
        if isinstance(error, asyncpg.DataError):
            return False  # an InterfaceError too, but of ours
        return isinstance(
            error,
            OSError  # refused, reset, time-out: TimeoutError is one
            | asyncpg.PostgresConnectionError
            | asyncpg.OperatorInterventionError
            | asyncpg.InsufficientResourcesError
            | asyncpg.ReadOnlySQLTransactionError
            | asyncpg.InvalidAuthorizationSpecificationError
            | asyncpg.InvalidCatalogNameError
            | asyncpg.InterfaceError
            # The last words of a server that stops came between two statements, unasked.
            | asyncpg.InternalClientError,
        )

    def is_schema_error(self, error: BaseException | None) -> bool:
        """A table or column that is not there."""
        return isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError)

    def is_transient(self, error: BaseException | None) -> bool:
        """Deadlocks, conflicts, and plans that another process's DDL made stale."""
        return isinstance(
            error,
            asyncpg.DeadlockDetectedError
            | asyncpg.SerializationError
            | asyncpg.InvalidCachedStatementError
            | asyncpg.InvalidSQLStatementNameError,
        )


class SqliteDialect:
    """SQLite through aiosqlite."""

    name: ClassVar[str] = "sqlite"
    _sql: SqlDialect = sqlite.dialect()

    def direct(self, select: sa.Select[Any]) -> None:
        """The driver has a thread of its own, and going there takes longer than all else."""

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Read one JSON array of arrays: numbers and texts only."""
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
    ) -> int:
        """Run one prepared statement for each row, without leaving the driver in between."""
        converters = [self._converter(column.type) for column in table.columns]
        marks = ", ".join("?" * len(converters))
        plain = [
            tuple(c(value) if c else value for c, value in zip(converters, row, strict=True)) for row in rows
        ]
        names = ", ".join(column.name for column in table.columns)
        text = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {on_conflict}"
        return (await connection.exec_driver_sql(text, plain)).rowcount

    def insert(self, table: sa.Table) -> sqlite.Insert:
        """See Dialect."""
        return sqlite.insert(table)

    def _converter(self, column_type: TypeEngine[Any]) -> Any:
        return column_type.dialect_impl(self._sql).bind_processor(self._sql)

    def contains(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """Look into the table of marks that triggers keep: `session_marks` for `sessions`."""
        table = column.table
        assert isinstance(table, sa.Table)
        marks = sa.table(
            f"{singular(table)}_marks",
            *map(sa.column, ("row_key", "field", "name", "type", "value")),
        )
        return sa.and_(
            *(
                table.c.key.in_(
                    sa.select(marks.c.row_key).where(
                        marks.c.field == column.name,
                        marks.c.name == name,
                        _is_scalar(marks.c.type, marks.c.value, value),
                    )
                )
                for name, value in wanted.items()
            )
        )

    def holds(self, column: sa.Column[Any], wanted: Mapping[str, JsonScalar]) -> sa.ColumnElement[bool]:
        """Look at the members of the row's own object."""
        conditions = []
        for name, value in wanted.items():
            member = sa.func.json_each(sa.type_coerce(column, sa.Text)).table_valued("key", "type", "value")
            kind = sa.case((member.c.type.in_(("integer", "real")), "number"), else_=member.c.type)
            matches = sa.and_(member.c.key == name, _is_scalar(kind, member.c.value, value))
            conditions.append(sa.exists(sa.select(sa.literal(1)).select_from(member).where(matches)))
        return sa.and_(*conditions)

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """Round down; % takes the sign of the time, hence twice."""
        width = seconds * 1_000_000
        micros = sa.type_coerce(column, sa.BigInteger)
        start = micros - (micros % width + width) % width
        return sa.type_coerce(sa.func.max(start, -_SECONDS_TO_1970 * 1_000_000), Micros)

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """Times are microseconds."""
        return sa.type_coerce(end, sa.BigInteger) - sa.type_coerce(start, sa.BigInteger)

    def member(self, column: sa.ColumnElement[Any], path: Sequence[str]) -> sa.ColumnElement[str]:
        """Names in a path are quoted."""
        way = "$" + "".join(f'."{name}"' for name in path)
        return sa.func.json_extract(column, way, type_=sa.Text())

    def member_text(self, text: str) -> sa.ColumnElement[str]:
        """Objects are written as they were stored."""
        return sa.literal(text, sa.Text)

    def first_segments(self, path: sa.ColumnElement[str], count: int) -> sa.ColumnElement[str]:
        """There are no arrays but those of JSON."""
        segments = sa.func.replace(sa.func.json_quote(path), "/", '","', type_=sa.Text())
        each = sa.func.json_each("[" + segments + "]").table_valued("key", "value")
        first = sa.select(each.c.value).where(each.c.key < count).order_by(each.c.key).subquery()
        return sa.select(sa.func.group_concat(first.c.value, "/", type_=sa.Text())).scalar_subquery()

    def word_search(self, table: str) -> SqliteWordSearch:
        """FTS5."""
        return SqliteWordSearch(table)

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """Nothing to do: there is one writer."""

    def clock(self) -> sa.ColumnElement[datetime]:
        """The clock of this process: no other has the file."""
        return sa.bindparam(None, callable_=lambda: datetime.now(UTC), type_=Micros)

    def is_unavailable(self, error: BaseException | None) -> bool:
        """A full or failing disk, a lock that another process holds, or a file that cannot be opened."""
        return isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _SQLITE_UNAVAILABLE

    def is_schema_error(self, error: BaseException | None) -> bool:
        """A table or column that is not there."""
        return isinstance(error, sqlite3.OperationalError) and "no such" in str(error)

    def is_transient(self, error: BaseException | None) -> bool:
        """Nothing: there is one writer."""
        return False


def _is_scalar(
    kind: sa.ColumnElement[Any], actual: sa.ColumnElement[Any], value: JsonScalar
) -> sa.ColumnElement[bool]:
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == ("true" if value else "false")
        case int() | float():
            return sa.and_(kind == "number", actual == sa.literal(value))
        case str():
            return sa.and_(kind == "text", actual == sa.literal(value))


def dialect_of(url: sa.URL) -> PostgresDialect | SqliteDialect:
    """Return the dialect that a URL asks for."""
    return PostgresDialect() if url.get_backend_name() == "postgresql" else SqliteDialect()
