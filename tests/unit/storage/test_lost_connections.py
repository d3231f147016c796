"""Which errors of the drivers mean that the database is unavailable: as observed, and no bug of ours."""

from __future__ import annotations

import asyncpg
import pytest

from holdfastdb_server.storage.engines.postgres import PostgresDialect

ENDS = [
    ConnectionRefusedError(),
    TimeoutError(),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.AdminShutdownError("terminating connection due to administrator command"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.TooManyConnectionsError("sorry, too many clients already"),
    asyncpg.InterfaceError("connection is closed"),
    # At the commit, after the server's last words had come unasked.
    asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
]
BUGS = [
    asyncpg.DataError("invalid input for query argument $1"),
    asyncpg.UniqueViolationError("duplicate key value violates unique constraint"),
    ValueError(),
    None,
]


@pytest.mark.parametrize("error", ENDS, ids=repr)
def test_a_lost_connection_means_that_the_database_is_unavailable(error: Exception) -> None:
    assert PostgresDialect().is_unavailable(error)


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_bug_does_not(error: Exception | None) -> None:
    assert not PostgresDialect().is_unavailable(error)
