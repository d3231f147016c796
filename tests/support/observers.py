"""Observers of the storage that remember what they are told."""

from __future__ import annotations

from collections import Counter

from holdfastdb_server.storage.observer import FallbackReason, NoObserver, WriteKind, WritePath


class CountingObserver(NoObserver):
    """Counts writes by kind and path, and those that fell back to the planned way by kind and reason."""

    def __init__(self) -> None:
        self.finished: Counter[tuple[WriteKind, WritePath]] = Counter()
        self.fell_back: Counter[tuple[WriteKind, FallbackReason]] = Counter()

    def writes_finished(self, kind: WriteKind, path: WritePath, count: int) -> None:
        self.finished[kind, path] += count

    def writes_fell_back(self, kind: WriteKind, reason: FallbackReason, count: int) -> None:
        self.fell_back[kind, reason] += count
