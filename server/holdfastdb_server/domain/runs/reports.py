"""Conditions on runs, and statistics of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field

from holdfastdb_server.domain.ids import check_kinds, check_optional_ids
from holdfastdb_server.domain.runs.run import RunStatus, TokenUsage
from holdfastdb_server.domain.values import (
    JsonScalar,
    check_filter,
)


class RunFilter(Struct, frozen=True):
    """A condition on runs: all that is given must match. Times are aware; `…_until` is exclusive."""

    statuses: Sequence[RunStatus] = ()
    kinds: Sequence[str] = ()
    agent_id: str = ""
    session_id: str = ""
    task_id: str = ""
    parent_run_id: str = ""
    trace_id: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    started_from: datetime | None = None
    started_until: datetime | None = None

    def checked(self) -> RunFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_kinds("filter.kinds", self.kinds)
        ids = ("agent_id", "session_id", "task_id", "parent_run_id", "trace_id")
        check_optional_ids("filter.", self, ids)
        return check_filter("filter.", self)


class RunGrouping(StrEnum):
    """What runs are grouped by."""

    AGENT = "agent"
    KIND = "kind"
    STATUS = "status"
    TIME = "time"


class RunSummary(Struct, frozen=True):
    """The statistics of a group of runs; fields that they were not grouped by are empty."""

    run_count: int
    completed_count: int
    failed_count: int
    cancelled_count: int
    p50_duration: timedelta | None
    p95_duration: timedelta | None
    usage: TokenUsage
    agent_id: str = ""
    kind: str = ""
    status: RunStatus | None = None
    bucket_time: datetime | None = None

    @property
    def success_rate(self) -> float | None:
        """Completed divided by completed plus failed, from 0 to 1; None if both are 0."""
        judged = self.completed_count + self.failed_count
        return self.completed_count / judged if judged else None
