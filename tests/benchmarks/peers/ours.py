"""`python -m tests.benchmarks.peers.ours TARGET WRITERS OPERATIONS`: appends through the Python client."""

from __future__ import annotations

import asyncio
import sys
import uuid

import holdfastdb
from tests.benchmarks.peers.writers import TEXT, Write, measure


async def main(target: str, writers: int, operations: int) -> None:
    """Measure one client in one process, as an agent host would have."""
    async with holdfastdb.connect(target) as client:

        async def prepare(number: int) -> Write:
            session_id = f"peer-{uuid.uuid4()}"
            await client.sessions.create(session_id)
            return lambda: client.history.append(session_id, holdfastdb.Event.message("user", TEXT))

        await measure(writers, operations, prepare)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
