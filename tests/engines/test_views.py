"""The SQL views for people, on each engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.approvals import ApprovalRequest
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.tasks.moves import Claim, TaskTransition
from holdfastdb_server.domain.tasks.task import TaskDraft, TaskStatus
from holdfastdb_server.storage.store import SqlStore
from tests.support.ages import age
from tests.support.content import NAMESPACE, append, create, move, notes

HOUR = timedelta(hours=1)


async def show(store: SqlStore, view: str) -> Sequence[Any]:
    """Return the rows of a view, by the names of their columns."""

    async def work(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(sa.text(f"SELECT * FROM {view}"))).mappings().all()

    return await store._database.read(work)


def read_time(value: object) -> datetime:
    """PostgreSQL has times of its own; SQLite shows them as texts to the microsecond."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


async def test_active_sessions_are_those_that_are_active(store: SqlStore) -> None:
    for status in SessionStatus:
        await create(store, status.name, user_id="ada", title="Trip")
        await move(store, status.name, status)
    await append(store, *notes(2), session_id="ACTIVE")
    session = await store.sessions.get(NAMESPACE, "ACTIVE")
    (row,) = await show(store, "active_sessions")
    assert (row["namespace"], row["session_id"]) == (NAMESPACE, "ACTIVE")
    assert (row["user_id"], row["title"], row["last_sequence"]) == ("ada", "Trip", 3)
    assert read_time(row["create_time"]) == session.create_time
    assert read_time(row["last_activity_time"]) == session.last_activity_time


async def test_pending_approvals_are_those_that_can_be_decided(store: SqlStore) -> None:
    await store.approvals.request(
        NAMESPACE, ApprovalRequest("brief", ttl=HOUR, requested_by="coder").checked()
    )
    await store.approvals.request(NAMESPACE, ApprovalRequest("long", title="May I?").checked())
    assert {row["approval_id"] for row in await show(store, "pending_approvals")} == {"brief", "long"}
    await age(store, 2 * HOUR)
    (row,) = await show(store, "pending_approvals")
    assert (row["approval_id"], row["title"], row["expire_time"]) == ("long", "May I?", None)


async def test_open_tasks_are_those_that_have_not_ended(store: SqlStore) -> None:
    for name in ("waiting", "leased", "over"):
        await store.tasks.create(NAMESPACE, TaskDraft(name, "scan").checked())
    await store.tasks.transition(NAMESPACE, "over", TaskTransition(TaskStatus.CANCELLED))
    await store.tasks.claim(NAMESPACE, Claim("worker", task_id="leased"))
    rows = {row["task_id"]: row for row in await show(store, "open_tasks")}
    assert set(rows) == {"waiting", "leased"}
    assert (rows["leased"]["status"], rows["leased"]["worker_id"]) == ("running", "worker")
    assert read_time(rows["leased"]["lease_expire_time"]) > datetime.now(UTC)
    assert rows["waiting"]["start_time"] is None
