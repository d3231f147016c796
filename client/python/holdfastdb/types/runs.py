"""What the calls for runs take and return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias, TypedDict

from holdfastdb.types.payloads import Payload


class RunStatus(StrEnum):
    """The status of a run. STARTED becomes RUNNING; both become COMPLETED, FAILED or CANCELLED."""

    STARTED = "started"
    """Begun."""
    RUNNING = "running"
    """At work."""
    COMPLETED = "completed"
    """Ended well. Final."""
    FAILED = "failed"
    """Ended badly. Final."""
    CANCELLED = "cancelled"
    """Stopped on request. Final."""
    UNRECOGNIZED = "unrecognized"
    """A status that a newer server sent and this version does not know. It cannot be sent."""

    @property
    def is_final(self) -> bool:
        """Whether a run with this status has ended. False for UNRECOGNIZED."""
        return self in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens, with the names of OpenTelemetry's `gen_ai.usage`."""

    input_tokens: int = 0
    """What the model read, cached tokens included."""
    output_tokens: int = 0
    """What the model wrote, reasoning included."""
    cache_read_input_tokens: int = 0
    """Of the input: read from the provider's cache."""
    cache_creation_input_tokens: int = 0
    """Of the input: written to the provider's cache."""
    reasoning_output_tokens: int = 0
    """Of the output: spent on reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One agent's execution."""

    run_id: str
    session_id: str
    """The session that it belongs to, and with which it is deleted; empty for none."""
    parent_run_id: str
    """The run that started this one. It may not be recorded."""
    task_id: str
    agent_id: str
    kind: str
    status: RunStatus
    input: Payload | None
    """What it was given. None where there is none, or the list was asked to leave it out."""
    output: Payload | None
    """What it made, so far or in the end. None as for `input`."""
    error: str
    """What went wrong, or why it was cancelled."""
    usage: TokenUsage
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    trace_id: str
    start_time: datetime
    end_time: datetime | None
    version: int
    """Rises by one with each change, from 1."""
    create_time: datetime
    update_time: datetime

    @property
    def duration(self) -> timedelta | None:
        """From start to end; None while the run is open."""
        return None if self.end_time is None else self.end_time - self.start_time


class RunFilter(TypedDict, total=False):
    """Which runs: all conditions that are given must hold.

    `statuses` and `kinds`: any of these. `labels` and the top-level members of `metadata` must be there with
    these values. `start_time_from` is inclusive, `start_time_until` exclusive.
    """

    statuses: Iterable[RunStatus]
    kinds: Iterable[str]
    agent_id: str
    session_id: str
    task_id: str
    parent_run_id: str
    trace_id: str
    labels: Mapping[str, str]
    metadata: Mapping[str, object]
    start_time_from: datetime
    start_time_until: datetime


RunGrouping: TypeAlias = Literal["agent", "kind", "status", "time"]
"""What runs are counted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One group of runs and its figures. Fields that were not asked to group by are empty."""

    agent_id: str
    kind: str
    status: RunStatus | None
    bucket_time: datetime | None
    """The start of the time bucket."""
    run_count: int
    """All of them, the open ones too."""
    completed_count: int
    failed_count: int
    cancelled_count: int
    success_rate: float | None
    """From 0 to 1: the completed of the completed and failed. None where there are neither."""
    p50_duration: timedelta | None
    """The shortest time within which at least half of the ended runs were done. None where none has ended."""
    p95_duration: timedelta | None
    """The same for 95 in 100 of the ended runs."""
    usage: TokenUsage
    """The sum of what they used."""
