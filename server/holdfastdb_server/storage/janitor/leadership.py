"""Turns: what one server does at a time."""

from __future__ import annotations

import time
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfastdb_server.domain.ids import new_id
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.schema import leadership

# Far longer than what is done between two looks at the turn; so long do the others wait for a dead server.
_LEASE = timedelta(seconds=30)
_RENEWAL = 10.0


class Leadership:
    """A turn at some work, which lapses unless it is taken again and again.

    A row and not an advisory lock: one of a session does not work through a pooler, and one of a transaction
    would keep that open, and its connection from others, for as long as the work takes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._holder = new_id()
        self._renew_at = 0.0

    async def take(self) -> bool:
        """Take the turn or go on having it; False: another server has it."""
        if time.monotonic() < self._renew_at:
            return True
        has_it = await self._database.write(self._take)
        self._renew_at = time.monotonic() + _RENEWAL if has_it else 0.0
        return has_it

    async def _take(self, connection: AsyncConnection) -> bool:
        dialect = self._database.dialect
        now = (await connection.execute(sa.select(dialect.clock()))).scalar_one()
        insert = dialect.insert(leadership).values(
            name=self._name, holder=self._holder, expire_time=now + _LEASE
        )
        take = insert.on_conflict_do_update(
            index_elements=[leadership.c.name],
            set_={"holder": insert.excluded.holder, "expire_time": insert.excluded.expire_time},
            where=sa.or_(leadership.c.holder == self._holder, leadership.c.expire_time <= now),
        )
        # Its row comes back only if it was inserted or updated.
        return (await connection.execute(take.returning(leadership.c.name))).first() is not None

    async def give_back(self) -> None:
        """Let another server have the turn."""
        self._renew_at = 0.0
        give_back = leadership.delete().where(
            leadership.c.name == self._name, leadership.c.holder == self._holder
        )
        await self._database.write(lambda connection: connection.execute(give_back))
