"""The blocking client: the asynchronous one, whose coroutines run in a background event loop.

Nothing is written twice. `blocking(AsyncSessions.get)` is `AsyncSessions.get` as a method that waits, with
its name, its docstring and, by way of ParamSpec, its exact signature: type checkers and editors derive it
from the original, so there is no stub file that could grow stale. A test holds that no method is left out.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from holdfastdb._resources.leases import AsyncLease
from holdfastdb._resources.tail import AsyncTail
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
        """The sequence of the last event returned, where another tail would continue."""
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
    one continues. Check `is_lost` at intervals; the next call raises LeaseNotHeld.
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
