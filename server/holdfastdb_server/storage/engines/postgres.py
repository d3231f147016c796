"""PostgreSQL: what it does differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect as SqlDialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from holdfastdb_server.domain.values import JsonScalar, dump_json
from holdfastdb_server.storage.engines.base import SECONDS_TO_1970, BulkRows
from holdfastdb_server.storage.engines.columns import Micros, given_columns
from holdfastdb_server.storage.engines.direct import DirectSelect
from holdfastdb_server.storage.engines.json_rows import JsonRows, is_one_of_few
from holdfastdb_server.storage.engines.postgres_full_text import PostgresFullText


class PostgresDialect:
    """PostgreSQL 14 to 18 through asyncpg."""

    name: ClassVar[str] = "postgresql"
    _sql: SqlDialect = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped

    def __init__(self) -> None:
        self._inserts: dict[tuple[str, str], tuple[str, JsonRows]] = {}

    def direct(self, select: sa.Select[Any]) -> DirectSelect:
        """Compile it with SQLAlchemy's dialect for asyncpg."""
        return DirectSelect(select, self._sql)

    def inline_rows(self, name: str, columns: Mapping[str, TypeEngine[Any]]) -> tuple[str, Any]:
        """Read one JSON array."""
        rows = JsonRows(columns, self._sql)
        values = ", ".join(f"{value.format(column)} AS {column}" for column, value in rows.values.items())
        table = rows.numbered_table(f"CAST(:{name}_rows AS bytea)", "_")
        text = f"SELECT {values} FROM {table} WHERE {is_one_of_few('ordinal')}"
        return text, lambda values: {f"{name}_rows": rows.dump(values)}

    async def insert_rows(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, on_conflict: str = ""
    ) -> None:
        """Read one JSON array."""
        await self._insert(connection, table, rows, on_conflict)

    async def insert_missing_rows(self, connection: AsyncConnection, table: sa.Table, rows: BulkRows) -> int:
        """Read one JSON array."""
        inserted = await self._insert(connection, table, rows, "ON CONFLICT DO NOTHING RETURNING 1")
        return len(inserted.all())

    async def _insert(
        self, connection: AsyncConnection, table: sa.Table, rows: BulkRows, suffix: str
    ) -> sa.CursorResult[Any]:
        if (table.name, suffix) not in self._inserts:
            self._inserts[table.name, suffix] = self._insert_statement(table, suffix)
        text, json_rows = self._inserts[table.name, suffix]
        return await connection.exec_driver_sql(text, (json_rows.dump(rows),))

    def json_rows(self, columns: Mapping[str, TypeEngine[Any]]) -> JsonRows:
        """Return what makes one parameter of rows with these columns."""
        return JsonRows(columns, self._sql)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    def _insert_statement(self, table: sa.Table, suffix: str) -> tuple[str, JsonRows]:
        rows = JsonRows({column.name: column.type for column in given_columns(table)}, self._sql)
        text = f"{rows.insertion(table, '_')} FROM {rows.table('$1::bytea', '_')} {suffix}"
        return text, rows

    def contains(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """jsonb containment, which the GIN index answers."""
        document = sa.cast(sa.bindparam(name, type_=sa.Text), postgresql.JSONB)
        return column.bool_op("@>")(document)

    def holds(self, column: sa.Column[Any], name: str, types: Sequence[type]) -> sa.ColumnElement[bool]:
        """jsonb containment."""
        return self.contains(column, name, types)

    def members(self, name: str, wanted: Mapping[str, JsonScalar]) -> dict[str, Any]:
        """One JSON object."""
        return {name: dump_json(wanted)}

    def bucket(self, column: sa.Column[Any], seconds: int) -> sa.ColumnElement[Any]:
        """date_bin, which rounds down before 1970 too."""
        width = sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        epoch = sa.text("TIMESTAMPTZ '1970-01-01 00:00:00+00'")
        first = sa.text("TIMESTAMPTZ '0001-01-01 00:00:00+00'")
        # A width longer than from the first year to 1970: date_bin could return a time that PostgreSQL cannot
        # represent.
        reaches_back = sa.and_(column < epoch, sa.literal(seconds > SECONDS_TO_1970))
        start = sa.case((reaches_back, first), else_=sa.func.date_bin(width, column, epoch))
        return sa.type_coerce(sa.func.greatest(start, first), Micros)

    def microseconds(self, start: sa.Column[Any], end: sa.Column[Any]) -> sa.ColumnElement[int]:
        """EXTRACT gives an exact numeric."""
        return sa.cast(sa.extract("epoch", end - start) * 1_000_000, sa.BigInteger)

    def member(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[str]:
        """An operator of jsonb."""
        path = sa.bindparam(name, type_=postgresql.ARRAY(sa.Text))
        return column.op("#>>", return_type=sa.Text())(path).collate("C")

    def member_path(self, path: Sequence[str]) -> list[str]:
        return list(path)

    def member_text(self, name: str, *, is_object: bool) -> sa.ColumnElement[str]:
        """jsonb has a text form of its own for objects."""
        value = sa.bindparam(name, type_=sa.Text)
        return sa.cast(sa.cast(value, postgresql.JSONB), sa.Text) if is_object else value

    def first_segments(
        self, path: sa.ColumnElement[str], count: sa.ColumnElement[int]
    ) -> sa.ColumnElement[str]:
        """A slice of an array."""
        segments = sa.func.string_to_array(path, "/", type_=postgresql.ARRAY(sa.Text))
        return sa.func.array_to_string(segments[1:count], "/", type_=sa.Text())

    def full_text(self, table: str) -> PostgresFullText:
        """tsvector and GIN."""
        return PostgresFullText(table)

    async def lock_name(self, connection: AsyncConnection, name: str) -> None:
        """An advisory lock on a hash of the name."""
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def clock(self) -> sa.ColumnElement[datetime]:
        """Not now(), the time of the transaction: it may have waited for a lock since."""
        return sa.func.statement_timestamp(type_=Micros)

    def is_unavailable(self, error: BaseException | None) -> bool:
        """Lost or refused connections, a server that is starting, stopping, out of resources or read-only."""
        if isinstance(error, asyncpg.DataError):
            return False  # some are InterfaceErrors too, but the values were ours
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
            # A server that stops sends its error between two statements, when the driver expects nothing.
            | asyncpg.InternalClientError,
        )

    def is_schema_error(self, error: BaseException | None) -> bool:
        """An undefined table or column."""
        return isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError)

    def is_transient(self, error: BaseException | None) -> bool:
        """Deadlocks, serialization failures, and prepared statements that are invalid after DDL."""
        return isinstance(
            error,
            asyncpg.DeadlockDetectedError
            | asyncpg.SerializationError
            | asyncpg.InvalidCachedStatementError
            | asyncpg.InvalidSQLStatementNameError,
        )
