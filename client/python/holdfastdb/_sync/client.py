"""The blocking client: one connection, and one object for each noun."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, Self

from holdfastdb._client import AsyncClient, connect
from holdfastdb._sync.resources import (
    Approvals,
    Documents,
    History,
    Memories,
    Plans,
    Runs,
    Sessions,
    States,
    Tasks,
)
from holdfastdb._transport.loop_thread import background

_P = ParamSpec("_P")


class Client:
    """A blocking client of one namespace of a Holdfast server, for any number of threads. `connect_sync`
    makes it."""

    sessions: Sessions
    """Sessions and their life cycle."""
    states: States
    """The versioned state of sessions."""
    history: History
    """The events of sessions."""
    tasks: Tasks
    """Work to do, leased to one worker at a time."""
    runs: Runs
    """Runs of agents, and statistics of them."""
    approvals: Approvals
    """Decisions of a person or an agent."""
    plans: Plans
    """To-do lists."""
    memories: Memories
    """Lessons for later sessions, and the search for them."""
    documents: Documents
    """Named, versioned documents in collections."""

    def __init__(self, inner: AsyncClient) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._closed = False
        self.sessions = Sessions(inner.sessions)
        self.states = States(inner.states)
        self.history = History(inner.history)
        self.tasks = Tasks(inner.tasks)
        self.runs = Runs(inner.runs)
        self.approvals = Approvals(inner.approvals)
        self.plans = Plans(inner.plans)
        self.memories = Memories(inner.memories)
        self.documents = Documents(inner.documents)
        background.acquire()

    def close(self, grace: float | None = None) -> None:
        """Close the connection. Calls and tails under way are given `grace` seconds, by default none.

        Leaving `with` does it too. After the last client the background thread has ended.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            background.run(self._inner.close(grace))
        finally:
            background.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _blocking_connect(make: Callable[_P, AsyncClient]) -> Callable[_P, Client]:
    @functools.wraps(make, assigned=())
    def connect_sync(*args: _P.args, **kwargs: _P.kwargs) -> Client:
        """A blocking client, with the arguments of `connect`:

            with holdfastdb.connect_sync() as client:
                session = client.sessions.create(user_id="u-1")
                client.states.save(session.session_id, {"step": 1})

        Its methods are those of the AsyncClient, without `await`. Any number of threads may use it. The
        clients of a process share one background thread, which ends with the last one's `close`.
        """
        return Client(make(*args, **kwargs))

    return connect_sync


connect_sync = _blocking_connect(connect)
