"""What the calls for memories take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Something learnt."""

    memory_id: str
    context: str
    """In which situation it was learnt."""
    lesson: str
    """What was learnt."""
    tool_name: str
    """The tool that it is about."""
    agent_id: str
    user_id: str
    session_id: str
    """The session in which it was learnt. It may have been deleted since."""
    confidence: float
    """How sure it is, from 0 to 1."""
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    """Free data to search by; numbers are floats."""
    version: int
    """Rises by one with each change of the fields above, from 1."""
    use_count: int
    """How often a search with `count_use` returned it."""
    last_use_time: datetime | None
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class MemoryMatch:
    """A memory that was found."""

    memory: Memory
    score: float
    """The share of the query's words that were found, from 0 to 1; one not in the lesson counts half."""


class MemoryFilter(TypedDict, total=False):
    """Which memories: all conditions that are given must hold.

    `labels` and the top-level members of `metadata` must be there with these values. `min_confidence` and
    `create_time_from` are inclusive, `create_time_until` is exclusive.
    """

    tool_name: str
    agent_id: str
    user_id: str
    session_id: str
    min_confidence: float
    labels: Mapping[str, str] | None
    metadata: Mapping[str, object] | None
    create_time_from: datetime | None
    create_time_until: datetime | None
