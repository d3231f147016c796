"""What only reads a row does not wait for those who have locked it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfastdb_server.storage.store import SqlStore
from tests.support.approvals import ask
from tests.support.content import NAMESPACE, create
from tests.support.memories import keep
from tests.support.row_locks import RowLocks
from tests.support.runs import start
from tests.support.tasks import add
from tests.support.waiting import patient

Call = Callable[[SqlStore], Awaitable[Any]]

# For each table how a row with the id `x` is made, and how it is read.
READS: dict[str, tuple[Call, Call]] = {
    "sessions": (lambda store: create(store, "x"), lambda store: store.sessions.get(NAMESPACE, "x")),
    "tasks": (lambda store: add(store, "x"), lambda store: store.tasks.get(NAMESPACE, "x")),
    "runs": (lambda store: start(store, "x"), lambda store: store.runs.get(NAMESPACE, "x")),
    "approvals": (lambda store: ask(store, "x"), lambda store: store.approvals.get(NAMESPACE, "x")),
    "memories": (lambda store: keep(store, "x"), lambda store: store.memories.get(NAMESPACE, "x")),
}


@pytest.mark.parametrize("table", READS)
async def test_a_row_is_read_while_another_holds_it(store: SqlStore, locks: RowLocks, table: str) -> None:
    make, read = READS[table]
    await make(store)
    async with locks.held(table, "id = 'x'"), asyncio.timeout(patient(3)):
        await read(store)


async def test_a_child_is_created_while_another_holds_its_parent(store: SqlStore, locks: RowLocks) -> None:
    await create(store, "x")
    async with locks.held("sessions", "id = 'x'"), asyncio.timeout(patient(3)):
        await create(store, "child", parent="x")
