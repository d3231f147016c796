"""How pairs are measured: in turn, so that whatever disturbs the machine disturbs both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.benchmarks.report import median

MIN_ROUNDS = 2


async def alternate(
    rounds: int, ours: Callable[[], Awaitable[float]], reference: Callable[[], Awaitable[float]]
) -> tuple[float, float]:
    """Return the medians of measuring both in turn, after one round that does not count."""
    mine, theirs = [], []
    for _ in range(max(rounds, MIN_ROUNDS) + 1):
        mine.append(await ours())
        theirs.append(await reference())
    return median(mine[1:]), median(theirs[1:])
