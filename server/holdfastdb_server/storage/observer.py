"""The measurements that the storage reports."""

from __future__ import annotations

from typing import Literal, Protocol

WriteKind = Literal["append", "save"]
"""What a write through group commit does: AppendEvents or SaveState."""
WritePath = Literal["single_statement", "planned"]
"""How a write was carried out: by one statement, or in a transaction that locks, reads, plans and writes."""
FallbackReason = Literal["checks", "refused", "unsendable"]
"""Why one statement did not carry out a write, which then is planned.

`checks`: the write's own checks (a guard, an id that exists, no such session, requests that exclude each
other), which is normal. `refused`: PostgreSQL raised an error. `unsendable`: a value cannot become part of
a parameter.
"""


class StorageObserver(Protocol):
    """Receives measurements; must not block or raise."""

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        """A batch of requests was answered."""

    def writes_finished(self, kind: WriteKind, path: WritePath, count: int) -> None:
        """So many writes of a kind were answered, with their result or their own error, on this path."""

    def writes_fell_back(self, kind: WriteKind, reason: FallbackReason, count: int) -> None:
        """So many writes of a kind were left by one statement to the planned way, for this reason."""

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        """A tail got events, the first of them this long after it was appended."""

    def tails_open(self, count: int) -> None:
        """So many tails are open now."""

    def swept(self, what: str, count: int) -> None:
        """The janitor has dealt with so many; `what` is the name of a field of SweepCounts."""


class NoObserver:
    """Measures nothing."""

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        pass

    def writes_finished(self, kind: WriteKind, path: WritePath, count: int) -> None:
        pass

    def writes_fell_back(self, kind: WriteKind, reason: FallbackReason, count: int) -> None:
        pass

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        pass

    def tails_open(self, count: int) -> None:
        pass

    def swept(self, what: str, count: int) -> None:
        pass
