"""What the calls for histories take and return, beside events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict

from holdfastdb.types.events import EventKind

EventGrouping: TypeAlias = Literal["type", "actor", "time"]
"""What events are counted by."""


class EventFilter(TypedDict, total=False):
    """Which events: all conditions that are given must hold.

    `types`: any of these; one that ends with `.*` matches every type with the prefix before the star.
    `kinds`: any of these. `labels`: all of these. `event_time_from` is inclusive, `event_time_until`
    exclusive.
    """

    types: Iterable[str]
    kinds: Iterable[EventKind]
    actor: str
    run_id: str
    task_id: str
    trace_id: str
    labels: Mapping[str, str]
    event_time_from: datetime
    event_time_until: datetime


@dataclass(frozen=True, slots=True)
class EventReceipt:
    """What became of an appended event."""

    event_id: str
    sequence: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What an append did: a receipt for each event, in their order."""

    receipts: tuple[EventReceipt, ...]
    last_sequence: int
    """The session's last sequence after the append."""


@dataclass(frozen=True, slots=True)
class ReplaceResult:
    """What replace, clear, pop or rewind did."""

    removed_count: int
    receipts: tuple[EventReceipt, ...]
    """For the events appended, in their order."""
    last_sequence: int
    """The session's last sequence afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """One group of events and its count. Fields that were not asked to group by are empty."""

    type: str
    actor: str
    bucket_time: datetime | None
    """The start of the time bucket."""
    count: int
    first_event_time: datetime | None
    last_event_time: datetime | None
