"""Signals: waiters learn that what they wait for may have happened.

A signal only wakes, and its waiter reads the tables. Within a process it is a method call. Between servers on
PostgreSQL it is a NOTIFY, sent after the commit and not in its transaction: a commit with a NOTIFY holds a
lock for which all other such commits of the database wait. Waiters also poll, in case a signal was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from holdfastdb_server.domain.errors import ServerDraining


def session_topic(session_key: int) -> str:
    """The topic of a session's events."""
    return f"s{session_key}"


def approval_topic(approval_key: int) -> str:
    """The topic of an approval's decision."""
    return f"a{approval_key}"


def task_topic(namespace: str, kind: str = "") -> str:
    """The topic of claimable tasks of a kind; without a kind, of those of all kinds."""
    return f"t{namespace}/{kind}"


class Watch:
    """A waiter's registration for one topic or several."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """Forget earlier signals. To be called before the tables are read, so that no change is missed."""
        self._changed.clear()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for a signal since `clear`, for so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def wake(self) -> None:
        """End the wait."""
        self._changed.set()


class Signals:
    """The waiters of this process, by topic."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self.is_draining = False

    @contextlib.contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """Register for these topics during the block. Raises ServerDraining if the server is stopping."""
        self.check_open()
        watch = Watch()
        for topic in topics:
            self._watches[topic].add(watch)
        try:
            yield watch
        finally:
            for topic in topics:
                self._watches[topic].discard(watch)
                if not self._watches[topic]:
                    del self._watches[topic]

    def check_open(self) -> None:
        """Raise ServerDraining if the server is stopping. Waiters call it whenever they are woken."""
        if self.is_draining:
            raise ServerDraining

    def wake(self, topics: Iterable[str]) -> None:
        """Wake the waiters of these topics."""
        for topic in topics:
            for watch in self._watches.get(topic, ()):
                watch.wake()

    def wake_all(self) -> None:
        """Wake all waiters: signals may have been lost."""
        self.wake(list(self._watches))

    def drain(self) -> None:
        """Wake all waiters, and let `check_open` raise from now on."""
        self.is_draining = True
        self.wake_all()
