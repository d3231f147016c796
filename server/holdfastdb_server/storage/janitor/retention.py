"""Janitor jobs: delete expired idempotency keys and request ids, and versions beyond the number kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.janitor.job import JobResult
from holdfastdb_server.storage.schema import requests, state_versions, states, tasks

# States whose versions are checked in one transaction; most have none too many.
_STATES_CHECKED = 1_000


class Retention:
    """Deletes rows in batches. Rows that another transaction has locked are skipped until the next sweep."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy
        self._checked_to: tuple[int, str] | None = (0, "")

    async def free_keys(self, limit: int) -> JobResult:
        """Clear the idempotency keys of tasks that are older than `idempotency_ttl`."""
        conditions = (tasks.c.held_key.is_not(None), self._has_expired(tasks.c.create_time))
        free = tasks.update().values(held_key=None)
        return await self._remove(free, limit, [tasks.c.key], tasks.c.create_time, *conditions)

    async def forget_requests(self, limit: int) -> JobResult:
        """Delete the ids of requests older than `idempotency_ttl`."""
        expired = self._has_expired(requests.c.create_time)
        return await self._remove(requests.delete(), limit, [requests.c.key], requests.c.create_time, expired)

    def _has_expired(self, time: sa.Column[datetime]) -> sa.ColumnElement[bool]:
        return time <= datetime.now(UTC) - self._policy.idempotency_ttl

    async def _remove(
        self,
        statement: sa.Update | sa.Delete,
        limit: int,
        key: list[sa.Column[Any]],
        order: sa.Column[datetime],
        *conditions: sa.ColumnElement[bool],
    ) -> JobResult:
        picked = (
            sa.select(*key).where(*conditions).order_by(order).limit(limit).with_for_update(skip_locked=True)
        )
        remove = statement.where(sa.tuple_(*key).in_(picked))
        count = await self._database.write(lambda connection: _count(connection, remove))
        return JobResult(count, may_be_more=count == limit)

    async def trim_versions(self, limit: int) -> JobResult:
        """Delete versions beyond the number kept: a save under a former, greater number has kept them.

        It checks all states once: the setting does not change while a server runs.
        """
        if self._checked_to is None:
            return JobResult(0)
        after = self._checked_to
        position = sa.tuple_(states.c.session_key, states.c.key)
        next_states = (
            sa.select(states.c.session_key, states.c.key)
            .where(position > after)
            .order_by(states.c.session_key, states.c.key)
            .limit(_STATES_CHECKED)
        )
        version = (state_versions.c.session_key, state_versions.c.key, state_versions.c.version)
        # Joined with the newest version in the same statement: meanwhile the key may have been deleted, and
        # begin with version 1 again.
        too_old = sa.and_(
            states.c.session_key == state_versions.c.session_key,
            states.c.key == state_versions.c.key,
            state_versions.c.version <= states.c.version - self._policy.state_versions_kept,
        )

        async def work(connection: AsyncConnection) -> tuple[int, tuple[int, str] | None]:
            found = (await connection.execute(next_states)).all()
            if not found:
                return 0, None
            last = (found[-1].session_key, found[-1].key)
            surplus = (
                sa.select(*version)
                .join(states, too_old)
                .where(position > after, position <= last)
                .limit(limit)
                .with_for_update(of=state_versions, skip_locked=True)
            )
            delete = state_versions.delete().where(sa.tuple_(*version).in_(surplus))
            count = await _count(connection, delete)
            return count, last if count < limit else after

        count, self._checked_to = await self._database.write(work)
        return JobResult(count, may_be_more=self._checked_to is not None)


async def _count(connection: AsyncConnection, statement: sa.Update | sa.Delete) -> int:
    return (await connection.execute(statement)).rowcount
