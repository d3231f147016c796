"""Signals: who waits for something learns that it may have happened.

They only wake: the tables are the truth. Within a process a signal is a method call. Between servers
on PostgreSQL it is one coalesced NOTIFY, sent after the commit and not in it, for a commit with a NOTIFY
holds a lock that all other such commits of the database wait for. Who waits looks again from time to
time, which covers what gets lost.
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
    """The topic of tasks of a kind that may be claimed; without a kind, of those of any."""
    return f"t{namespace}/{kind}"


class Watch:
    """One waiter's place, at a topic or several."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def clear(self) -> None:
        """Wait for what comes from now on: call it before looking."""
        self._changed.clear()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait until there may be something to see, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def wake(self) -> None:
        """There may be something."""
        self._changed.set()


class Signals:
    """Knows who waits at which topic in this process, and wakes them."""

    def __init__(self) -> None:
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self.is_draining = False

    @contextlib.contextmanager
    def watch(self, *topics: str) -> Iterator[Watch]:
        """Wait at these topics for the duration of the block. Raises ServerDraining when the server stops."""
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
        """Raise ServerDraining when the server stops: waiters look at it whenever they are woken."""
        if self.is_draining:
            raise ServerDraining

    def wake(self, topics: Iterable[str]) -> None:
        """Wake who waits at these topics."""
        for topic in topics:
            for watch in self._watches.get(topic, ()):
                watch.wake()

    def wake_all(self) -> None:
        """Wake everyone: something may have been missed."""
        self.wake(list(self._watches))

    def drain(self) -> None:
        """Wake everyone to learn that the server is stopping."""
        self.is_draining = True
        self.wake_all()
