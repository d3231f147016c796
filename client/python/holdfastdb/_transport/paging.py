"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    next_page_token: str
    """Where the next page begins: pass it as `page_token`. Empty on the last page."""
    total_size: int | None
    """How many items match the filter on all pages; only with `include_total_size`."""


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
