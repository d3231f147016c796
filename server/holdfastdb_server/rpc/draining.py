"""Refusal of new calls while the server stops."""

from __future__ import annotations

import asyncio

from holdfastdb_server.domain.errors import ServerDraining

_INTERVAL_SECONDS = 0.1
_MAX_INTERVALS = 10


class Draining:
    """Refuses calls with ServerDraining once the server has begun to stop."""

    def __init__(self) -> None:
        self._has_begun = False
        self._refused = 0

    def check(self) -> None:
        """Raise ServerDraining if the server has begun to stop."""
        if self._has_begun:
            self._refused += 1
            raise ServerDraining

    async def begin(self) -> None:
        """Refuse calls from now on. Return after 0.1 s without a refused call, or after 1 s.

        gRPC must be stopped only then: it ends calls that it has received but not passed on yet with
        CANCELLED, which clients do not retry.
        """
        self._has_begun = True
        for _ in range(_MAX_INTERVALS):
            before = self._refused
            await asyncio.sleep(_INTERVAL_SECONDS)
            if self._refused == before:
                return
