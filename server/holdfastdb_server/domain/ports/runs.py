"""The storage port: runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import Run, RunChange, RunDraft, RunEnd


class RunStore(Protocol):
    """Runs and how well they do.

    Each status that a run of a session takes, its first one too, is appended to that session's history
    in the same transaction.
    """

    async def start(self, namespace: str, draft: RunDraft) -> Run:
        """Record the run, started, at version 1, and return it.

        If a run with this id was started from the same draft, return that as it is now. Raises IdTaken if
        it was started from another one, and SessionNotFound.
        """
        ...

    async def get(self, namespace: str, run_id: str) -> Run:
        """Return the run. Raises RunNotFound if it is absent."""
        ...

    async def list(
        self, namespace: str, where: RunFilter, page: PageRequest, *, omit_payload: bool = False
    ) -> Page[Run]:
        """Return the runs that match all of `where`, by start time.

        The cursor is (start time in microseconds, key). A run that is there during the whole of the paging
        is returned exactly once. A page ends before it passes PAGE_BYTES but has at least one item.
        """
        ...

    async def update(
        self,
        namespace: str,
        run_id: str,
        change: RunChange,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Run:
        """Change the run, raise the version by one, and return it.

        A change without effect leaves the version. Raises RunNotFound, RunEnded, VersionMismatch,
        LimitExceeded, and InvalidField if the result passes a bound.
        """
        ...

    async def finish(
        self,
        namespace: str,
        run_id: str,
        end: RunEnd,
        expected_version: int | None = None,
        request_id: str = "",
    ) -> Run:
        """End the run, raise the version by one, and return it.

        Without an end time the run ends now, or at its start if that is later. Raises RunNotFound,
        TransitionNotAllowed, VersionMismatch, LimitExceeded, and InvalidField if it would end before its
        start.
        """
        ...

    async def summarize(
        self,
        namespace: str,
        where: RunFilter,
        groups: Sequence[RunGrouping],
        bucket_seconds: int = 0,
    ) -> Sequence[RunSummary]:
        """Return the figures by time bucket, agent, kind and status, in that order, ascending.

        Percentiles are nearest ranks among the ended runs. Statuses are in the order of a run's life.
        Raises LimitExceeded if there are more than SUMMARY_GROUPS groups.
        """
        ...
