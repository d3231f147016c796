"""`python -m tests.benchmarks.peers.langgraph URL WRITERS OPERATIONS`: AsyncPostgresSaver."""

from __future__ import annotations

import asyncio
import sys
import uuid

# They are in this peer's own environment.
from langgraph.checkpoint.base import empty_checkpoint  # type: ignore[import-not-found]
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # type: ignore[import-not-found]
from psycopg.rows import dict_row  # type: ignore[import-not-found]
from psycopg_pool import AsyncConnectionPool  # type: ignore[import-not-found]

from tests.benchmarks.peers.writers import TEXT, Write, measure


async def main(url: str, writers: int, operations: int) -> None:
    """Put checkpoints of one channel, with a connection for each writer."""
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=writers, max_size=writers, kwargs=options) as pool:
        saver = AsyncPostgresSaver(pool)
        await saver.setup()

        async def prepare(number: int) -> Write:
            config = {"configurable": {"thread_id": f"peer-{uuid.uuid4()}", "checkpoint_ns": ""}}
            step = 0

            async def write() -> None:
                nonlocal config, step
                step += 1
                checkpoint = empty_checkpoint()
                checkpoint["channel_values"] = {"messages": [TEXT]}
                checkpoint["channel_versions"] = {"messages": str(step)}
                metadata = {"source": "loop", "step": step, "parents": {}}
                config = await saver.aput(config, checkpoint, metadata, {"messages": str(step)})

            return write

        await measure(writers, operations, prepare)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
