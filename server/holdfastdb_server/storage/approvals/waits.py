"""Calls that wait for the decision of an approval."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa

from holdfastdb_server.domain.errors import Overloaded
from holdfastdb_server.storage.engines.base import InlineRows
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.schema import approvals
from holdfastdb_server.storage.signals import Signals, Watch, approval_topic


class ApprovalWaits:
    """Wakes calls that wait: by a signal, and by polling, for a signal may be lost."""

    def __init__(self, database: Database, signals: Signals, max_waits: int) -> None:
        self._database = database
        self._signals = signals
        self._max_waits = max_waits
        self._open: defaultdict[int, set[Watch]] = defaultdict(set)
        self._count = 0
        self._keys = InlineRows(database.dialect, "a", {"key": sa.BigInteger()})
        self._pending = (
            sa.select(approvals.c.key)
            .join(self._keys.table, approvals.c.key == self._keys.c.key)
            .where(approvals.c.end_time.is_(None))
        )

    @contextlib.contextmanager
    def opened(self, key: int) -> Iterator[Watch]:
        """Wait for the approval with this key for the duration of the block. Raises Overloaded."""
        if self._count >= self._max_waits:
            raise Overloaded(f"{self._count} calls are waiting, and no more are taken; retry later")
        with self._signals.watch(approval_topic(key)) as watch:
            self._open[key].add(watch)
            self._count += 1
            try:
                yield watch
            finally:
                self._count -= 1
                self._open[key].discard(watch)
                if not self._open[key]:
                    del self._open[key]

    async def poll(self) -> None:
        """Wake the calls whose approval was decided or deleted, by one query. Raises DatabaseUnavailable."""
        if not self._open:
            return
        params = self._keys.params([(key,) for key in self._open])
        found = await self._database.read(lambda c: c.execute(self._pending, params))
        pending = set(found.scalars())
        for key, watches in self._open.items():
            if key not in pending:  # a deleted one too
                for watch in watches:
                    watch.wake()
