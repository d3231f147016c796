"""What PostgreSQL knows of our tables while they grow fast.

A statement's plan is kept until its tables are analyzed again. One that was made for a small table may read
through a session's events, or through a namespace's sessions, where the next index would lead to the row.
Autovacuum looks once a minute; a young database is a hundred times as large by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.schema import metadata

_PERIOD_SECONDS = 2.0
# In pages, since it was last looked at.
_GROWN = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1::text[])
AND pg_has_role(relowner, 'USAGE')  -- others may not analyze it, and would be told so every time
AND pg_relation_size(oid) >= 4 * greatest(relpages, 1) * current_setting('block_size')::bigint
"""

logger = logging.getLogger("holdfast.statistics")


class TableStatistics:
    """Has tables analyzed that are four times as large as when they last were."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refresh(self) -> Sequence[str]:
        """Analyze the tables that have grown, and return them. Raises DatabaseUnavailable."""
        found = await self._database.run_at_once(_GROWN, (list(metadata.tables),))
        grown = sorted(row["relname"] for row in found)
        if grown:
            await self._database.run_at_once(f"ANALYZE {', '.join(grown)}", ())
        return grown

    async def run(self, is_available: Callable[[], bool]) -> None:
        """Refresh them every now and then, for ever."""
        while True:
            await asyncio.sleep(_PERIOD_SECONDS)
            if not is_available():
                continue
            try:
                await self.refresh()
            except DatabaseUnavailable:
                continue  # whoever watches over the database says so
            except Exception:
                logger.exception("tables could not be analyzed; it is tried again")
