"""What the errors of drivers mean, and how they are found in those of SQLAlchemy."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError

from holdfastdb_server.storage.engines.connection import driver_error
from holdfastdb_server.storage.engines.sqlite import SqliteDialect

ERROR = ValueError("the driver's")


def caused(error: Exception, cause: BaseException) -> Exception:
    """Return an error with its cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ERROR,
        DBAPIError("statement", {}, ERROR),
        # As SQLAlchemy wraps what it has made of the driver's.
        caused(DBAPIError("statement", {}, caused(RuntimeError("adapted"), ERROR)), RuntimeError("adapted")),
        caused(DBAPIError("statement", {}, None), ERROR),  # type: ignore[arg-type]
        caused(RuntimeError("ours"), DBAPIError("statement", {}, caused(RuntimeError("adapted"), ERROR))),
    ],
)
def test_the_error_of_the_driver_is_the_innermost(error: Exception) -> None:
    assert driver_error(error) is ERROR


def sqlite_error(
    code: int, message: str = "", kind: type[sqlite3.Error] = sqlite3.OperationalError
) -> Exception:
    """Return an error as sqlite3 raises it."""
    error = kind(message)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "is_unavailable"),
    [
        (sqlite_error(sqlite3.SQLITE_BUSY), True),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (sqlite_error(sqlite3.SQLITE_FULL), True),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), True),
        (sqlite_error(sqlite3.SQLITE_ERROR), False),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE, kind=sqlite3.IntegrityError), False),
        (ERROR, False),
        (None, False),
    ],
)
def test_sqlite_is_unavailable_when_its_disk_or_another_process_is_in_the_way(
    error: Exception | None, is_unavailable: bool
) -> None:
    assert SqliteDialect().is_unavailable(error) == is_unavailable
    assert not SqliteDialect().is_transient(error)


@pytest.mark.parametrize(
    ("error", "is_schema_error"),
    [
        (sqlite_error(sqlite3.SQLITE_ERROR, "no such table: t"), True),
        (sqlite_error(sqlite3.SQLITE_ERROR, "no such column: c"), True),
        (sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full"), False),
        (ValueError("no such thing"), False),
        (None, False),
    ],
)
def test_a_missing_table_or_column_is_an_error_of_the_schema(
    error: Exception | None, is_schema_error: bool
) -> None:
    assert SqliteDialect().is_schema_error(error) == is_schema_error
