"""Lists whose pages are fetched while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

import grpc

from holdfastdb._transport.channel import Connection, Stubs
from holdfastdb.types.pages import Page

T = TypeVar("T")


class PageRequest(Protocol):
    """A request for one page of a list."""

    page_token: str

    def CopyFrom(self, other: Any, /) -> None: ...


class PageResponse(Protocol):
    """One page of a list, beside its items."""

    @property
    def next_page_token(self) -> str: ...


Q = TypeVar("Q", bound=PageRequest)
R = TypeVar("R", bound=PageResponse)


class AsyncPager(Generic[T]):
    """A list whose pages are fetched while it is read. Iterate over its items, or take pages:

        async for session in client.sessions.list(user_id="u-1"): ...

        page = await client.sessions.list(page_size=50, include_total_size=True).page()
        more = client.sessions.list(page_size=50, page_token=page.next_page_token)

    Nothing is fetched before it is asked for, and each iteration starts anew.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Page[T]]], page_token: str) -> None:
        self._fetch = fetch
        self._page_token = page_token

    async def page(self) -> Page[T]:
        """Fetch the first page: the one at `page_token`, where it was given."""
        return await self._fetch(self._page_token)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """All pages, one after the other."""
        page = await self.page()
        yield page
        while page.next_page_token:
            page = await self._fetch(page.next_page_token)
            yield page

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item


def paged(
    connection: Connection,
    method: Callable[[Stubs], grpc.aio.UnaryUnaryMultiCallable[Q, R]],
    request: Q,
    timeout: float | None,
    items: Callable[[R], Iterable[T]],
    *,
    prepare: Callable[[Q], None] | None = None,
) -> AsyncPager[T]:
    """The list that `request` asks for, whose `page_token` says where it begins.

    `items` are those of one page. `prepare` sees each request before it is sent.
    """
    connection.seconds(timeout)

    async def fetch(token: str) -> Page[T]:
        page = type(request)()
        page.CopyFrom(request)
        page.page_token = token
        if prepare is not None:
            prepare(page)
        answer = await connection.call(method(connection.stubs), page, timeout)
        return Page(tuple(items(answer)), answer.next_page_token, _total_size(answer))

    return AsyncPager(fetch, request.page_token)


def _total_size(answer: Any) -> int | None:
    """How many items match, if it was asked for. SearchMemories has no such field."""
    counted = "total_size" in answer.DESCRIPTOR.fields_by_name and answer.HasField("total_size")
    return answer.total_size if counted else None
