"""Lists: read up to a limit, for people or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from holdfastdb_server.cli.invocation import emit

if TYPE_CHECKING:
    from holdfastdb import AsyncPager

T = TypeVar("T")

Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Print at most N.")]
Every = Annotated[bool, typer.Option("--all", help="Print all.")]


def page_size(limit: int | None) -> int:
    """How many items a request asks for. A limit of None means all."""
    return min(limit or 100, 100)


async def read(
    pager: AsyncPager[T], limit: int | None, as_json: bool, *, member: str = ""
) -> tuple[list[T], int]:
    """The first items of a list, and the total, or 0 if the pager does not ask for it.

    `as_json` prints each as a line of JSON as soon as it is read: its fields, or the item under `member`.
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
