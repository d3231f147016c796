"""The end of a server's time: which calls it still takes."""

from __future__ import annotations

import asyncio

from holdfastdb_server.domain.errors import ServerDraining

_QUIET_SECONDS = 0.1
_MOST_WAITS = 10


class Draining:
    """Turns calls away once the server has begun to stop."""

    def __init__(self) -> None:
        self._has_begun = False
        self._turned_away = 0

    def check(self) -> None:
        """Raise ServerDraining if the server has begun to stop."""
        if self._has_begun:
            self._turned_away += 1
            raise ServerDraining

    async def begin(self) -> None:
        """Turn calls away from now on; return when no more come, within a second in any case.

        gRPC must be told to stop only then: calls that have come in but not to us yet it ends as CANCELLED,
        which hardly any client retries.
        """
        self._has_begun = True
        for _ in range(_MOST_WAITS):
            before = self._turned_away
            await asyncio.sleep(_QUIET_SECONDS)
            if self._turned_away == before:
                return
