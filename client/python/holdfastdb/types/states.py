"""What the calls for states take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfastdb.types.payloads import Data, Json, Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
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

    @property
    def value(self) -> Any:
        """The JSON value or the bytes that were saved. Raises ValueError if the payload was left out."""
        if self.payload is None:
            raise ValueError(f"the payload of state {self.key!r} was left out of the list")
        return self.payload.value

    @property
    def json_text(self) -> str | None:
        """The JSON text exactly as it was saved; None for bytes."""
        return self.payload.text if isinstance(self.payload, Json) else None

    @property
    def data(self) -> bytes | None:
        """The bytes that were saved; None for JSON."""
        return self.payload.value if isinstance(self.payload, Data) else None


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
