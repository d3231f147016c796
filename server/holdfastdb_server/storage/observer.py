"""What the storage tells whoever measures it."""

from __future__ import annotations

from typing import Protocol


class StorageObserver(Protocol):
    """Receives measurements; must not block or raise."""

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        """A batch of gathered requests was answered."""

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        """A tail got events, the first of them this long after it was appended."""

    def tails_open(self, count: int) -> None:
        """So many tails are open now."""

    def swept(self, what: str, count: int) -> None:
        """The janitor has dealt with so many; `what` is the name of a field of SweepCounts."""


class NoObserver:
    """Measures nothing."""

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        """See StorageObserver."""

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        """See StorageObserver."""

    def tails_open(self, count: int) -> None:
        """See StorageObserver."""

    def swept(self, what: str, count: int) -> None:
        """See StorageObserver."""
