"""Many open tails, in a process of their own.

`python -m tests.benchmarks.tails TARGET NUMBER`: one on each of the sessions `s-0` to `s-N`. Says `open` when
all are. Then it takes a line that says how many events must come, waits for them, and prints how many came.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import holdfastdb

_PATIENCE = 60


async def main(target: str, number: int) -> None:
    """Open the tails, count what comes, and say so when asked."""
    received, expected = 0, sys.maxsize
    enough = asyncio.Event()

    async def follow(tail: holdfastdb.AsyncTail) -> None:
        nonlocal received
        async for _ in tail:
            received += 1
            if received >= expected:
                enough.set()

    async with holdfastdb.connect(target, timeout=_PATIENCE) as client:
        tails = [client.history.tail(f"s-{place}", only_new=True, types=["note"]) for place in range(number)]
        await asyncio.gather(*(tail.__aenter__() for tail in tails))
        following = [asyncio.ensure_future(follow(tail)) for tail in tails]
        print("open", flush=True)
        expected = int(await asyncio.to_thread(sys.stdin.readline))
        if received < expected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), _PATIENCE)
        print(received, flush=True)
    await asyncio.gather(*following)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
