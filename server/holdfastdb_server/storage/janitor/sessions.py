"""The janitor's jobs on sessions: expire those without activity, and delete those that ended long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.sessions import SessionStatus, Transition
from holdfastdb_server.storage.engines.base import InlineRows
from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.janitor.job import JobResult
from holdfastdb_server.storage.schema import sessions
from holdfastdb_server.storage.sessions.store import plan_move
from holdfastdb_server.storage.signals import session_topic
from holdfastdb_server.storage.write_path import rows
from holdfastdb_server.storage.write_path.transaction import Transaction
from holdfastdb_server.storage.write_path.writer import Writer

_EXPIRY = Transition(SessionStatus.EXPIRED, "it was at rest for longer than its retention")
# With a session goes its history: so many events at most in one transaction, unless one session has more.
_EVENTS_DELETED = 1_000
_MICROSECOND = timedelta(microseconds=1)


class SessionJobs:
    """Jobs on batches of sessions. Rows that another transaction has locked are skipped."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        policy: Policy,
    ) -> None:
        self._database = database
        self._writer = writer
        self._policy = policy
        self._checks = InlineRows(database.dialect, "c", {"session_key": sa.BigInteger(), "time": Micros()})
        self._move_checks_on = (
            sessions.update()
            .where(sessions.c.key == self._checks.c.session_key)
            .values(expiry_check_time=self._checks.c.time)
        )

    async def expire_own(self, limit: int) -> JobResult:
        """Look at sessions with a retention of their own that may have passed."""
        due = sessions.c.expiry_check_time <= datetime.now(UTC)
        return await self._look(limit, sessions.c.retention.is_not(None), due)

    async def expire_default(self, limit: int) -> JobResult:
        """Look at sessions with the default retention, if that may have passed."""
        due = sessions.c.expiry_check_time <= datetime.now(UTC)
        return await self._look(limit, sessions.c.retention.is_(None), due)

    async def expire_shortened(self, limit: int) -> JobResult:
        """Look at sessions whose check is as late as only a longer default, a former one, made it.

        Those whose check is due no later than that of a new session are looked at when it is.
        """
        retention = self._policy.session_retention
        margin = self._database.dialect.microseconds(
            sessions.c.last_activity_time, sessions.c.expiry_check_time
        )
        return await self._look(
            limit,
            sessions.c.retention.is_(None),
            # The first condition finds few, by the index; the second is exact.
            sessions.c.expiry_check_time > datetime.now(UTC) + retention,
            margin > retention // _MICROSECOND,
        )

    async def _look(self, limit: int, *conditions: sa.ColumnElement[bool]) -> JobResult:
        """Expire those whose retention has passed, and move on the checks of the others."""
        chosen = (
            sa.select(sessions)
            .where(*conditions)
            .order_by(sessions.c.expiry_check_time)
            .limit(limit)
            .with_for_update(key_share=True, skip_locked=True)
        )

        async def work(transaction: Transaction) -> JobResult:
            found = (await transaction.connection.execute(chosen)).all()
            await transaction.lock([(row.namespace, row.id) for row in found])
            over, later = [], []
            for row in found:
                expire_time = rows.session_of(row).expire_time(self._policy.session_retention)
                if expire_time is None or expire_time > transaction.now:
                    later.append((row.key, expire_time))
                else:
                    over.append(row)
            await self._expire(transaction, over)
            if later:
                await transaction.connection.execute(self._move_checks_on, self._checks.params(later))
            return JobResult(len(over), may_be_more=len(found) == limit)

        return await self._writer.run(work)

    async def _expire(self, transaction: Transaction, over: list[Any]) -> None:
        columns: dict[str, Any] = {}
        for row in over:
            columns = plan_move(transaction, transaction.session(row.namespace, row.id), _EXPIRY)
        if columns:
            await transaction.connection.execute(
                sessions.update()
                .where(sessions.c.key.in_([row.key for row in over]))
                .values(version=sessions.c.version + 1, update_time=transaction.now, **columns)
            )

    async def purge(self, limit: int) -> JobResult:
        """Delete sessions that ended long ago, with all that hangs on them."""
        purge = self._policy.session_purge
        if purge is None:
            return JobResult(0)
        over = (
            sa.select(sessions.c.key, sessions.c.last_sequence)
            .where(sessions.c.end_time <= datetime.now(UTC) - purge)
            .order_by(sessions.c.end_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )

        async def work(transaction: Transaction) -> JobResult:
            found = (await transaction.connection.execute(over)).all()
            keys: list[int] = []
            events = 0
            for row in found:
                events += row.last_sequence
                if keys and events > _EVENTS_DELETED:
                    break
                keys.append(row.key)
            await transaction.connection.execute(sessions.delete().where(sessions.c.key.in_(keys)))
            transaction.topics.update(map(session_topic, keys))
            return JobResult(len(keys), may_be_more=len(found) == limit or len(keys) < len(found))

        return await self._writer.run(work)
