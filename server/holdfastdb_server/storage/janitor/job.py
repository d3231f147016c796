"""Chores: what the janitor does, a batch at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """What a batch of a chore did."""

    count: int
    may_be_more: bool = False
    """Whether another batch may find more to do."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A chore, and what it counts: the name of a field of Swept."""

    counts: str
    do_batch: Callable[[int], Awaitable[Done]]
    """Deals with at most so many, in one short transaction."""


def counted(do_batch: Callable[[int], Awaitable[int]]) -> Callable[[int], Awaitable[Done]]:
    """Return a batch for a method that tells how many it dealt with: fewer than asked for are all."""

    async def do(limit: int) -> Done:
        count = await do_batch(limit)
        return Done(count, may_be_more=count >= limit)

    return do
