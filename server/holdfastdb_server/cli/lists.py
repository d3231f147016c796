"""Lists: read up to a limit, for people or for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from holdfastdb_server.cli.invocation import emit

if TYPE_CHECKING:
    from holdfastdb import AsyncPager

T = TypeVar("T")

Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, however many.")]


def page_size(limit: int | None) -> int:
    """How many to ask for at once; a limit of None is none."""
    return min(limit or 100, 100)


async def read(
    pager: AsyncPager[T], limit: int | None, as_json: bool, *, member: str = ""
) -> tuple[list[T], int]:
    """The first items of a list, and how many there are in all, where that was asked for.

    For scripts each is written as a line of JSON as soon as it is there: its fields, or itself as a `member`.
    """
    from holdfastdb_server.cli.views.as_json import dump, write

    found: list[T] = []
    total = 0
    async for page in pager.pages():
        total = page.total_size or 0
        items = page.items if limit is None else page.items[: limit - len(found)]
        if as_json:
            for item in items:
                emit(dump({member: item})) if member else write(item)
        found.extend(items)
        if limit is not None and len(found) >= limit:
            break
    return found, total
