"""Leadership: which of several servers does what only one may do at a time."""

from __future__ import annotations

import time
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.schema import leadership

# A leader that died is replaced after this time. Far longer than what is done between two renewals.
_LEASE = timedelta(seconds=30)
_RENEWAL_SECONDS = 10.0


class Leadership:
    """The leadership for some work: a lease in a row of `leadership`, which its holder renews.

    Not an advisory lock: a session's lock does not work through a pooler in transaction mode, and a
    transaction's lock would keep a connection busy for as long as the work takes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._holder = new_id()
        self._renew_at = 0.0

    async def acquire(self) -> bool:
        """Become the leader or renew the lease, if that is due. False: another server is the leader."""
        if time.monotonic() < self._renew_at:
            return True
        is_leader = await self._database.write(self._upsert)
        self._renew_at = time.monotonic() + _RENEWAL_SECONDS if is_leader else 0.0
        return is_leader

    async def _upsert(self, connection: AsyncConnection) -> bool:
        dialect = self._database.dialect
        now = (await connection.execute(sa.select(dialect.clock()))).scalar_one()
        insert = dialect.insert(leadership).values(
            name=self._name, holder=self._holder, expire_time=now + _LEASE
        )
        upsert = insert.on_conflict_do_update(
            index_elements=[leadership.c.name],
            set_={"holder": insert.excluded.holder, "expire_time": insert.excluded.expire_time},
            where=sa.or_(leadership.c.holder == self._holder, leadership.c.expire_time <= now),
        )
        # The row is returned only if it was inserted or updated.
        return (await connection.execute(upsert.returning(leadership.c.name))).first() is not None

    async def release(self) -> None:
        """Let another server become the leader."""
        self._renew_at = 0.0
        release = leadership.delete().where(
            leadership.c.name == self._name, leadership.c.holder == self._holder
        )
        await self._database.write(lambda connection: connection.execute(release))
