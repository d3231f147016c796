"""Jobs: what the janitor does, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobResult:
    """What one batch of a job did."""

    count: int
    may_be_more: bool = False
    """Whether another batch may find more to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and what it counts: the name of a field of SweepCounts."""

    counts: str
    do_batch: Callable[[int], Awaitable[JobResult]]
    """Deals with at most so many, in one short transaction."""


def counted(do_batch: Callable[[int], Awaitable[int]]) -> Callable[[int], Awaitable[JobResult]]:
    """Return a batch for a method that tells how many it dealt with: fewer than asked for are all."""

    async def do(limit: int) -> JobResult:
        count = await do_batch(limit)
        return JobResult(count, may_be_more=count >= limit)

    return do
