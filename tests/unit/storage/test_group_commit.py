"""Writes and reads that share a batch: what closing waits for, and an unavailable database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.sqlite import SqliteDialect
from holdfastdb_server.storage.observer import NoObserver
from holdfastdb_server.storage.write_path.entries import Append
from holdfastdb_server.storage.write_path.group_commit import GroupCommit
from holdfastdb_server.storage.write_path.point_reads import Load, PointReads
from holdfastdb_server.storage.write_path.statements import Statements
from tests.support.content import note


class SlowDatabase:
    """Fails each statement, once it may."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_fail = asyncio.Event()

    async def run(self, *arguments: Any) -> Any:
        """Stands for Writer.run, and for Database.select."""
        self.calls += 1
        await self.may_fail.wait()
        raise DatabaseUnavailable

    select = run


async def failed(closing: Any, database: SlowDatabase, calls: list[asyncio.Future[Any]]) -> None:
    """Close what has these calls under way: it waits for them, and all fail."""
    closed = asyncio.create_task(closing.close())
    for _ in range(50):
        await asyncio.sleep(0)
    assert not closed.done()
    database.may_fail.set()
    await closed
    assert [type(call.exception()) for call in calls] == [DatabaseUnavailable] * len(calls)


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_an_unavailable_database_fails_all_writes_of_a_batch_at_once(count: int) -> None:
    """They are not tried one by one."""
    database: Any = SlowDatabase()
    commit = GroupCommit(database, [], NoObserver(), max_waiting=10)
    calls: list[Any] = [commit.append(Append("tenant", "s", [note()], None)) for _ in range(count)]
    await failed(commit, database, calls)
    assert database.calls == 1


@pytest.mark.parametrize("kind", ["session", "state", "last_sequence"])
async def test_closing_waits_for_reads_of_each_kind(kind: str) -> None:
    database: Any = SlowDatabase()
    reads = PointReads(database, Statements(SqliteDialect()), NoObserver(), max_waiting=10)
    calls: dict[str, Any] = {
        "session": lambda: reads.session("tenant", "s"),
        "state": lambda: reads.state(Load("tenant", "s", "k", None)),
        "last_sequence": lambda: reads.last_sequence(1),
    }
    await failed(reads, database, [calls[kind](), calls[kind]()])
    assert database.calls == 1


async def test_no_more_than_64_states_are_read_at_once() -> None:
    """Each of them may be as large as a payload may be."""
    database: Any = SlowDatabase()
    reads = PointReads(database, Statements(SqliteDialect()), NoObserver(), max_waiting=100)
    calls: list[Any] = [reads.state(Load("tenant", "s", "k", number)) for number in range(65)]
    await failed(reads, database, calls[:64])
    await asyncio.wait(calls)
    assert database.calls == 2
