"""`python -m tests.benchmarks.peers.openai_agents URL WRITERS OPERATIONS`: SQLAlchemySession."""

from __future__ import annotations

import asyncio
import sys
import uuid

# It is in this peer's own environment.
from agents.extensions.memory import SQLAlchemySession  # type: ignore[import-not-found]
from sqlalchemy.ext.asyncio import create_async_engine

from tests.benchmarks.peers.writers import TEXT, Write, measure


async def main(url: str, writers: int, operations: int) -> None:
    """Add items, with a connection for each writer."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=writers)

    async def prepare(number: int) -> Write:
        session = SQLAlchemySession(f"peer-{uuid.uuid4()}", engine=engine, create_tables=True)
        return lambda: session.add_items([{"role": "user", "content": TEXT}])

    await measure(writers, operations, prepare)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
