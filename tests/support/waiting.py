"""Waiting for a condition, with a bound; tests never sleep for a time of their own choice.

Every bound of a test grows with PATIENCE_FACTOR: a busy machine makes a test slow and does not make it fail.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable

_SETTING = "HOLDFAST_TEST_PATIENCE"
# 3: the load may rise after the start.
_LEAST_FACTOR, _GREATEST_FACTOR = 3.0, 15.0
_PAUSE = 0.01


def _patience_factor() -> float:
    """Return HOLDFAST_TEST_PATIENCE, or how many runnable processes each core has: 3 to 15."""
    if chosen := os.environ.get(_SETTING):
        return float(chosen)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(max(load, _LEAST_FACTOR), _GREATEST_FACTOR)


PATIENCE_FACTOR = _patience_factor()
"""What the seconds of every bound are multiplied by: see `patient`."""
# The workers of pytest-xdist and the programs of tests use the factor of the process that starts them.
os.environ[_SETTING] = str(PATIENCE_FACTOR)


def patient(seconds: float) -> float:
    """Return the bound that, on this machine as it is now, stands for so many seconds on an idle one."""
    return seconds * PATIENCE_FACTOR


PATIENCE = patient(40)
"""Seconds after which a test gives up. Long, because machines are slow when many tests run at once."""


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], what: str = "", within: float = PATIENCE
) -> None:
    """Return as soon as the condition holds. Raises AssertionError if it does not within the seconds."""
    give_up = time.monotonic() + within
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {within:.0f} seconds: {what or condition}")
        await asyncio.sleep(_PAUSE)
