"""Waiting for a condition, with a bound; tests never sleep for a time of their own choice."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE = 40.0
"""Seconds after which a test gives up. Long, because machines are slow when many tests run at once."""
_PAUSE = 0.01


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
            raise AssertionError(f"not within {within} seconds: {what or condition}")
        await asyncio.sleep(_PAUSE)
