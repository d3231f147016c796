"""`python -m tests.benchmarks.peers.google_adk URL WRITERS OPERATIONS`: DatabaseSessionService."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable

# They are in this peer's own environment.
from google.adk.events import Event  # type: ignore[import-untyped]
from google.adk.sessions import DatabaseSessionService  # type: ignore[import-untyped]
from google.genai import types  # type: ignore[import-untyped]

from tests.benchmarks.peers.writers import TEXT, Write, measure


async def main(url: str, writers: int, operations: int) -> None:
    """Append events, with a connection for each writer."""
    service = DatabaseSessionService(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=writers)

    async def prepare(number: int) -> Write:
        session = await service.create_session(app_name="bench", user_id=f"user-{number}")

        def write() -> Awaitable[object]:
            content = types.Content(role="user", parts=[types.Part(text=TEXT)])
            appended: Awaitable[object] = service.append_event(session, Event(author="user", content=content))
            return appended

        return write

    await measure(writers, operations, prepare)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
