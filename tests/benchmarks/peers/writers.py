"""The same writers for every peer: each has a session of its own and one write under way at a time.

It needs nothing but Python: it runs in the peers' environments.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

TEXT = "x" * 1_000
_WARM_UP = 3

Write = Callable[[], Awaitable[object]]


async def measure(writers: int, operations: int, prepare: Callable[[int], Awaitable[Write]]) -> None:
    """Print the writes a second, as JSON. `prepare` makes the write of the writer with this number."""
    writes = [await prepare(number) for number in range(writers)]
    await asyncio.gather(*(_repeat(write, _WARM_UP) for write in writes))
    began = time.perf_counter()
    await asyncio.gather(*(_repeat(write, operations // writers) for write in writes))
    rate = operations // writers * writers / (time.perf_counter() - began)
    print(json.dumps({"rate": rate}))


async def _repeat(write: Write, times: int) -> None:
    for _ in range(times):
        await write()
