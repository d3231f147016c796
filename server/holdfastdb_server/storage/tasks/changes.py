"""Tasks in a transaction: found, locked, and changed together with the history of their session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.errors import TaskNotFound
from holdfastdb_server.domain.tasks.task import Task, TaskStatus
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.resources import Resource
from holdfastdb_server.storage.schema import tasks
from holdfastdb_server.storage.signals import task_topic
from holdfastdb_server.storage.tasks.rows import changing_values, task_of
from holdfastdb_server.storage.write_path.owned import lock_owned
from holdfastdb_server.storage.write_path.transaction import Transaction

_UPDATE = tasks.update().where(tasks.c.key == sa.bindparam("at_key"))


class TaskChanges:
    """The changes of one transaction to its tasks.

    A session's task is changed under the session's lock, which is taken first. The time is read with the
    task, after that lock: a lease counts from when it was given, not from when it was asked for.
    """

    def __init__(self, transaction: Transaction, namespace: str, dialect: Dialect) -> None:
        self._connection = transaction.connection
        self._dialect = dialect
        self.transaction = transaction
        self.namespace = namespace

    async def lock(self, task_id: str) -> tuple[Any, datetime]:
        """Lock a task, and its session before, and return the row and the time. Raises TaskNotFound."""
        row, _ = await lock_owned(self.transaction, task_resource(self._dialect), self.namespace, task_id)
        return row, row.now

    async def change(self, row: Any, now: datetime, plan: Callable[[Task], Task], actor: str = "") -> Task:
        """Write a locked task as `plan` returns it, to which it is given as a lapsed lease has left it."""
        before = task_of(row)
        settled = before.at(now)
        after = plan(settled)
        if after != settled:
            after = replace(after, version=settled.version + 1, update_time=now)
        values = changing_values(after)
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        if changed:
            await self._connection.execute(_UPDATE, {**changed, "at_key": row.key})
            if after.status is TaskStatus.PENDING:
                claimable = {task_topic(self.namespace), task_topic(self.namespace, after.kind)}
                self.transaction.topics |= claimable
        self.tell(before, settled)
        self.tell(settled, after, actor)
        return after

    def tell(self, before: Task | None, after: Task, actor: str = "") -> None:
        """Append an event to the history of the task's session, if it has one and the status is new."""
        if after.session_id and (before is None or before.status is not after.status):
            session = self.transaction.session(self.namespace, after.session_id)
            self.transaction.append(session, [after.event(before, actor)])


async def read_clock(connection: AsyncConnection, dialect: Dialect) -> datetime:
    """Return the database's time."""
    now: datetime = (await connection.execute(_clock(dialect))).scalar_one()
    return now


@cache
def _clock(dialect: Dialect) -> sa.Select[Any]:
    return sa.select(dialect.clock())


@cache
def task_resource(dialect: Dialect) -> Resource:
    """Return the rows of tasks, each with the time of the statement as `now`."""
    return Resource(
        dialect, tasks, TaskNotFound, tasks.c.create_fingerprint, beside=[dialect.clock().label("now")]
    )
