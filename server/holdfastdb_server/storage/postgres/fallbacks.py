"""Fallbacks: the writes that one statement did not carry out, counted by reason."""

from __future__ import annotations

import logging
import time

from holdfastdb_server.storage.observer import FallbackReason, StorageObserver, WriteKind

_SECONDS_BETWEEN_WARNINGS = 60.0

logger = logging.getLogger("holdfast.storage")


class Fallbacks:
    """Counts the writes of one kind that fall back to the planned way.

    Their own checks are a normal reason. Any other is a fault that makes writes slower, which no caller
    notices. So it is logged as a warning: for each kind at most one in _SECONDS_BETWEEN_WARNINGS, with the
    number of writes that fell back since the one before.
    """

    def __init__(self, kind: WriteKind, observer: StorageObserver) -> None:
        self._kind = kind
        self._observer = observer
        self._unreported = 0
        self._warn_at = 0.0

    def by_checks(self, writes: int) -> None:
        """Count writes whose own checks failed, or cannot be made by one statement."""
        if writes:
            self._observer.writes_fell_back(self._kind, "checks", writes)

    def refused(self, writes: int, error: Exception) -> None:
        """Count writes whose statement PostgreSQL refused with an error."""
        self._warn("refused", writes, error)

    def unsendable(self, writes: int, error: Exception) -> None:
        """Count writes of which one has a value that cannot become part of a parameter."""
        self._warn("unsendable", writes, error)

    def _warn(self, reason: FallbackReason, writes: int, error: Exception) -> None:
        self._observer.writes_fell_back(self._kind, reason, writes)
        self._unreported += writes
        if time.monotonic() < self._warn_at:
            return
        logger.warning(
            "one statement could not carry out writes: the planned way, which is slower, does",
            extra={
                "kind": self._kind,
                "reason": reason,
                "error": f"{type(error).__name__}: {error}",
                "writes": self._unreported,
            },
        )
        self._unreported = 0
        self._warn_at = time.monotonic() + _SECONDS_BETWEEN_WARNINGS
