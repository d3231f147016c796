"""ANALYZE for tables that grow fast.

PostgreSQL keeps the plan of a prepared statement until its tables are analyzed again. A plan that was made
when a table was small may scan all events of a session, or all sessions of a namespace, where another index
leads to the row. Autovacuum checks once a minute, when a new database may have 100 times as many rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from holdfastdb_server.domain.errors import DatabaseUnavailable
from holdfastdb_server.storage.engines.connection import Database
from holdfastdb_server.storage.schema import metadata

_PERIOD_SECONDS = 2.0
# The tables that have 4 times as many pages as when they were last analyzed.
_GROWN = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1::text[])
AND pg_has_role(relowner, 'USAGE')  -- only the owner may analyze it, for others it is a warning
AND pg_relation_size(oid) >= 4 * greatest(relpages, 1) * current_setting('block_size')::bigint
"""

logger = logging.getLogger("holdfast.statistics")


class TableStatistics:
    """Analyzes tables that have grown by a factor of 4 since they were last analyzed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refresh(self) -> Sequence[str]:
        """Analyze the tables that have grown, and return their names. Raises DatabaseUnavailable."""
        found = await self._database.run_at_once(_GROWN, (list(metadata.tables),))
        grown = sorted(row["relname"] for row in found)
        if grown:
            await self._database.run_at_once(f"ANALYZE {', '.join(grown)}", ())
        return grown

    async def run(self, is_available: Callable[[], bool]) -> None:
        """Refresh every _PERIOD_SECONDS, for ever, while the database is available."""
        while True:
            await asyncio.sleep(_PERIOD_SECONDS)
            if not is_available():
                continue
            try:
                await self.refresh()
            except DatabaseUnavailable:
                continue  # Availability logs it
            except Exception:
                logger.exception("tables could not be analyzed; it is tried again")
