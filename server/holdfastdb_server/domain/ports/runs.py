"""The storage port: runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfastdb_server.domain.paging import Page, PageRequest
from holdfastdb_server.domain.runs.reports import RunFilter, RunGrouping, RunSummary
from holdfastdb_server.domain.runs.run import Run, RunChange, RunDraft, RunEnd


class RunStore(Protocol):
    """Runs and statistics of them.

    If a run belongs to a session, each status that it takes, the first included, is appended to the session's
    history in the same transaction.
    """

    async def start(self, namespace: str, draft: RunDraft) -> Run:
        """Create the run, with the status STARTED, at version 1, and return it.

        If a run with this id was created from the same draft, return that as it is now. Raises IdTaken if it
        was created from another one, and SessionNotFound.
        """
        ...

    async def get(self, namespace: str, run_id: str) -> Run:
        """Return the run. Raises RunNotFound if it is absent."""
        ...

    async def list(
        self, namespace: str, where: RunFilter, page: PageRequest, *, omit_payload: bool = False
    ) -> Page[Run]:
        """Return the runs that match all of `where`, by start time.

        The cursor is (start time in microseconds, key). A run that exists from the first page to the last is
        returned exactly once. A page has at most PAGE_BYTES bytes, or one item that is larger.
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

        A change without effect leaves the version as it is. Raises RunNotFound, RunEnded, VersionMismatch,
        LimitExceeded, and InvalidField if the result is out of bounds.
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

        Without an end time the run ends now, or at its start time if that is later. Raises RunNotFound,
        TransitionNotAllowed, VersionMismatch, LimitExceeded, and InvalidField if the end time is before the
        start time.
        """
        ...

    async def summarize(
        self,
        namespace: str,
        where: RunFilter,
        groups: Sequence[RunGrouping],
        bucket_seconds: int = 0,
    ) -> Sequence[RunSummary]:
        """Return the statistics of each group, by time bucket, agent, kind and status, ascending.

        Percentiles are those of the ended runs, by nearest rank. The order of the statuses is that of
        RunStatus. Raises LimitExceeded if there are more than SUMMARY_GROUPS groups.
        """
        ...
