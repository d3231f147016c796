"""The blocking client: the asynchronous one, whose coroutines run in a background event loop.

Nothing is written twice. `blocking(AsyncSessions.get)` is `AsyncSessions.get` as a method that waits, with
its name, its docstring and, by way of ParamSpec, its exact signature: type checkers and editors derive it
from the original, so there is no stub file that could grow stale. A test holds that no method is left out.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from holdfastdb._client import AsyncClient, connect
from holdfastdb._resources.approvals import AsyncApprovals
from holdfastdb._resources.documents import AsyncDocuments
from holdfastdb._resources.history import AsyncHistory
from holdfastdb._resources.leases import AsyncLease
from holdfastdb._resources.memories import AsyncMemories
from holdfastdb._resources.plans import AsyncPlans
from holdfastdb._resources.runs import AsyncRuns
from holdfastdb._resources.sessions import AsyncSessions
from holdfastdb._resources.states import AsyncStates
from holdfastdb._resources.tail import AsyncTail
from holdfastdb._resources.tasks import AsyncTasks
from holdfastdb._transport.loop_thread import background
from holdfastdb._transport.paging import AsyncPager
from holdfastdb.types.events import Event
from holdfastdb.types.pages import Page
from holdfastdb.types.tasks import Task

P = ParamSpec("P")
T = TypeVar("T")


def blocking(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """The coroutine method as one that waits for its result."""

    @functools.wraps(method)
    def wait(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return background.run(method(self._inner, *args, **kwargs))

    return wait


def paging(method: Callable[Concatenate[Any, P], AsyncPager[T]]) -> Callable[Concatenate[Any, P], Pager[T]]:
    """The method that returns an AsyncPager as one that returns a Pager."""

    @functools.wraps(method)
    def pager(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Pager[T]:
        return Pager(method(self._inner, *args, **kwargs))

    return pager


def tailing(method: Callable[Concatenate[Any, P], AsyncTail]) -> Callable[Concatenate[Any, P], Tail]:
    """The method that returns an AsyncTail as one that returns a Tail."""

    @functools.wraps(method)
    def tail(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Tail:
        return Tail(method(self._inner, *args, **kwargs))

    return tail


def leasing(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, AsyncLease | None]],
) -> Callable[Concatenate[Any, P], Lease | None]:
    """The coroutine method that returns an AsyncLease as one that waits for a Lease."""

    @functools.wraps(method)
    def claim(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Lease | None:
        lease = background.run(method(self._inner, *args, **kwargs))
        return None if lease is None else Lease(lease)

    return claim


def working(
    method: Callable[Concatenate[Any, P], AsyncIterator[AsyncLease]],
) -> Callable[Concatenate[Any, P], Iterator[Lease]]:
    """The asynchronous generator of leases as one that waits for each."""

    @functools.wraps(method)
    def work(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Lease]:
        return map(Lease, _iterate(method(self._inner, *args, **kwargs)))

    return work


def _iterate(items: AsyncIterator[T]) -> Iterator[T]:
    while True:
        try:
            yield background.run(_next(items))
        except StopAsyncIteration:
            return


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


class Pager(Generic[T]):
    """A list whose pages are fetched while it is read. Iterate over its items, or take pages:

        for session in client.sessions.list(user_id="u-1"): ...
        page = client.sessions.list(page_size=50, include_total_size=True).page()

    AsyncPager says more.
    """

    def __init__(self, inner: AsyncPager[T]) -> None:
        self._inner = inner

    def page(self) -> Page[T]:
        """Fetch the first page: the one at `page_token`, where it was given."""
        return background.run(self._inner.page())

    def pages(self) -> Iterator[Page[T]]:
        """All pages, one after the other."""
        return _iterate(self._inner.pages())

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


class Tail:
    """The events of a session, one by one, without end. `AsyncTail` says more; `close` may come from any
    thread."""

    def __init__(self, inner: AsyncTail) -> None:
        self._inner = inner

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read from the server."""
        return self._inner.caught_up

    @property
    def last_sequence(self) -> int:
        """Where another tail would go on: after the last event that this one has handed out."""
        return self._inner.last_sequence

    def backlog(self) -> Iterator[Event]:
        """The events up to the moment when the tail has caught up; nothing if it already has."""
        return _iterate(self._inner.backlog())

    def __iter__(self) -> Iterator[Event]:
        return _iterate(self._inner)

    def __enter__(self) -> Self:
        background.run(self._inner.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    close = blocking(AsyncTail.close)


class Lease:
    """A claimed task, to be worked on in a block that keeps the lease. `AsyncLease` says more.

    A thread cannot be interrupted: where an asynchronous block is cancelled because the lease is lost, this
    one goes on. Look at `is_lost` now and then; the next call raises LeaseNotHeld.
    """

    def __init__(self, inner: AsyncLease) -> None:
        self._inner = inner

    @property
    def task(self) -> Task:
        """The task, as of the last call."""
        return self._inner.task

    @property
    def token(self) -> str:
        """What proves the lease in raw calls."""
        return self._inner.token

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to be lost: stop the work."""
        return self._inner.is_lost

    def __enter__(self) -> Self:
        self.keep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(error)

    extend = blocking(AsyncLease.extend)
    report = blocking(AsyncLease.report)
    succeed = blocking(AsyncLease.succeed)
    fail = blocking(AsyncLease.fail)
    release = blocking(AsyncLease.release)
    keep = blocking(AsyncLease.keep)
    finish = blocking(AsyncLease.finish)


class Sessions:
    """`client.sessions`."""

    def __init__(self, inner: AsyncSessions) -> None:
        self._inner = inner

    create = blocking(AsyncSessions.create)
    get = blocking(AsyncSessions.get)
    list = paging(AsyncSessions.list)
    update = blocking(AsyncSessions.update)
    transition = blocking(AsyncSessions.transition)
    activate = blocking(AsyncSessions.activate)
    complete = blocking(AsyncSessions.complete)
    fail = blocking(AsyncSessions.fail)
    expire = blocking(AsyncSessions.expire)
    delete = blocking(AsyncSessions.delete)
    fork = blocking(AsyncSessions.fork)


class States:
    """`client.states`."""

    def __init__(self, inner: AsyncStates) -> None:
        self._inner = inner

    save = blocking(AsyncStates.save)
    save_many = blocking(AsyncStates.save_many)
    patch = blocking(AsyncStates.patch)
    load = blocking(AsyncStates.load)
    list = paging(AsyncStates.list)
    delete = blocking(AsyncStates.delete)


class History:
    """`client.history`."""

    def __init__(self, inner: AsyncHistory) -> None:
        self._inner = inner

    append = blocking(AsyncHistory.append)
    list = paging(AsyncHistory.list)
    tail = tailing(AsyncHistory.tail)
    replace = blocking(AsyncHistory.replace)
    clear = blocking(AsyncHistory.clear)
    pop = blocking(AsyncHistory.pop)
    rewind = blocking(AsyncHistory.rewind)
    summarize = blocking(AsyncHistory.summarize)


class Plans:
    """`client.plans`."""

    def __init__(self, inner: AsyncPlans) -> None:
        self._inner = inner

    create = blocking(AsyncPlans.create)
    get = blocking(AsyncPlans.get)
    list = paging(AsyncPlans.list)
    update = blocking(AsyncPlans.update)
    update_item = blocking(AsyncPlans.update_item)
    delete = blocking(AsyncPlans.delete)


class Memories:
    """`client.memories`."""

    def __init__(self, inner: AsyncMemories) -> None:
        self._inner = inner

    create = blocking(AsyncMemories.create)
    get = blocking(AsyncMemories.get)
    list = paging(AsyncMemories.list)
    search = paging(AsyncMemories.search)
    update = blocking(AsyncMemories.update)
    delete = blocking(AsyncMemories.delete)


class Documents:
    """`client.documents`."""

    def __init__(self, inner: AsyncDocuments) -> None:
        self._inner = inner

    put = blocking(AsyncDocuments.put)
    get_or_create = blocking(AsyncDocuments.get_or_create)
    get = blocking(AsyncDocuments.get)
    list = paging(AsyncDocuments.list)
    search = paging(AsyncDocuments.search)
    delete = blocking(AsyncDocuments.delete)
    sync = blocking(AsyncDocuments.sync)
    sync_directory = blocking(AsyncDocuments.sync_directory)
    collections = paging(AsyncDocuments.collections)


class Tasks:
    """`client.tasks`."""

    def __init__(self, inner: AsyncTasks) -> None:
        self._inner = inner

    create = blocking(AsyncTasks.create)
    get = blocking(AsyncTasks.get)
    list = paging(AsyncTasks.list)
    update = blocking(AsyncTasks.update)
    transition = blocking(AsyncTasks.transition)
    cancel = blocking(AsyncTasks.cancel)
    delete = blocking(AsyncTasks.delete)
    claim = leasing(AsyncTasks.claim)
    work = working(AsyncTasks.work)


class Runs:
    """`client.runs`."""

    def __init__(self, inner: AsyncRuns) -> None:
        self._inner = inner

    start = blocking(AsyncRuns.start)
    get = blocking(AsyncRuns.get)
    list = paging(AsyncRuns.list)
    update = blocking(AsyncRuns.update)
    finish = blocking(AsyncRuns.finish)
    complete = blocking(AsyncRuns.complete)
    fail = blocking(AsyncRuns.fail)
    cancel = blocking(AsyncRuns.cancel)
    summarize = blocking(AsyncRuns.summarize)


class Approvals:
    """`client.approvals`."""

    def __init__(self, inner: AsyncApprovals) -> None:
        self._inner = inner

    request = blocking(AsyncApprovals.request)
    decide = blocking(AsyncApprovals.decide)
    approve = blocking(AsyncApprovals.approve)
    reject = blocking(AsyncApprovals.reject)
    cancel = blocking(AsyncApprovals.cancel)
    get = blocking(AsyncApprovals.get)
    list = paging(AsyncApprovals.list)
    wait = blocking(AsyncApprovals.wait)


class Client:
    """A blocking client of one namespace of a Holdfast server, for any number of threads. `connect_sync`
    makes it."""

    sessions: Sessions
    """Sessions and their life cycle."""
    states: States
    """The versioned state of sessions."""
    history: History
    """What happened in sessions."""
    tasks: Tasks
    """Work to do, leased to one worker at a time."""
    runs: Runs
    """Runs of agents, and how well they do."""
    approvals: Approvals
    """A person's or agent's yes or no."""
    plans: Plans
    """To-do lists."""
    memories: Memories
    """Lessons that outlive a session, and the search for them."""
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


def _blocking_connect(make: Callable[P, AsyncClient]) -> Callable[P, Client]:
    @functools.wraps(make, assigned=())
    def connect_sync(*args: P.args, **kwargs: P.kwargs) -> Client:
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
