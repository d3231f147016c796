"""Jobs: what the janitor does, a batch of rows in each transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobResult:
    """What one batch of a job did: how many rows it dealt with."""

    count: int
    may_be_more: bool = False
    """Whether another batch may find more rows."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the janitor."""

    counts: str
    """The field of SweepCounts that it adds to."""
    run_batch: Callable[[int], Awaitable[JobResult]]
    """Takes a number of rows, and deals with that many at most, in one transaction."""


def counted(run_batch: Callable[[int], Awaitable[int]]) -> Callable[[int], Awaitable[JobResult]]:
    """Return `run_batch` for a method that returns how many rows it dealt with: all, if below its limit."""

    async def run(limit: int) -> JobResult:
        count = await run_batch(limit)
        return JobResult(count, may_be_more=count >= limit)

    return run
