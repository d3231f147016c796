"""What the calls for states take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfastdb.types.payloads import HasPayload, Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class State(HasPayload):
    """One version of a keyed state."""

    session_id: str
    key: str
    version: int
    """Rises by one with each save of the key, from 1."""
    payload: Payload | None
    """None where the list was asked to leave it out."""
    metadata: Mapping[str, Any]
    """As saved with this version; numbers are floats."""
    run_id: str
    """The run that saved it, if it said so."""
    session_sequence: int
    """The session's last sequence when this version was saved."""
    create_time: datetime


@dataclass(frozen=True, slots=True)
class StateWrite:
    """What to save under one key: see `states.save_many`."""

    key: str
    value: object
    """Any JSON value, bytes, `Json` or `Data`."""
    metadata: Mapping[str, object] | None = field(default=None, kw_only=True)
    run_id: str = field(default="", kw_only=True)
    expected_version: int | None = field(default=None, kw_only=True)
    """The version that the caller has seen; 0: the key must not exist."""
