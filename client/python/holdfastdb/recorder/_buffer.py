"""The buffer of a Recorder: the events not yet written, bounded, in order, for any number of threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from holdfastdb.v1 import history_service_pb2 as pb

EVENTS_PER_REQUEST = 1_000
_BYTES_PER_REQUEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecorderStats:
    """What became of the events of a Recorder: `recorded` is the sum of the other three."""

    recorded: int
    """Events that it was handed."""
    written: int
    """Events that the server has."""
    dropped: int
    """Events that will never be written."""
    pending: int
    """Events that wait to be written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it will be sent."""

    number: int
    message: pb.Event
    size: int


@dataclass(eq=False, slots=True)
class Queue:
    """The events of one session, in order. Only the writer takes them out."""

    session_id: str
    entries: deque[Entry] = field(default_factory=deque)
    limit: int = EVENTS_PER_REQUEST
    """Events per request: halved while a refused event among them is searched for."""
    failures: int = 0
    """How many attempts in a row have failed."""


class Buffer:
    """Events by session. The methods wait for the lock only, and never for the server."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        # Reentrant: a finalizer or a signal's handler may record while its thread is in here.
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._queues: dict[str, Queue] = {}
        self._ready: deque[Queue] = deque()
        self._recorded = self._written = self._dropped = 0
        self._pending = self._pending_bytes = 0
        self._reasons: Counter[str] = Counter()
        self._is_watched = False
        self._is_closed = False

    @property
    def stats(self) -> RecorderStats:
        """The counts, of one instant."""
        with self._lock:
            return RecorderStats(self._recorded, self._written, self._dropped, self._pending)

    def put(self, session_id: str, message: pb.Event) -> bool:
        """Add an event, or drop it if the buffer is full. True: the writer found none before; wake it."""
        size = message.ByteSize()
        with self._lock:
            if self._is_closed:
                self.refuse("the recorder is closed")
                return False
            if self._pending >= self._max_events or self._pending_bytes + size > self._max_bytes:
                self.refuse("the buffer is full")
                return False
            self._recorded += 1
            self._pending += 1
            self._pending_bytes += size
            queue = self._queues.get(session_id)
            if queue is None:
                queue = self._queues[session_id] = Queue(session_id)
                self._ready.append(queue)
            queue.entries.append(Entry(self._recorded, message, size))
            wake, self._is_watched = self._is_watched, False
            return wake

    def refuse(self, reason: str) -> None:
        """Count an event as dropped that was not added."""
        with self._lock:
            self._recorded += 1
            self._dropped += 1
            self._reasons[reason] += 1

    def next_ready(self) -> Queue | None:
        """A session to write, reserved until `give_back`. None: the next `put` returns True."""
        with self._lock:
            if self._ready:
                return self._ready.popleft()
            self._is_watched = True
            return None

    def first(self, queue: Queue) -> list[Entry]:
        """The first events of a session, as many as one request holds. They stay in the buffer."""
        with self._lock:
            entries = list(islice(queue.entries, queue.limit))
        size = 0
        for index, entry in enumerate(entries):
            size += entry.size
            if index and size > _BYTES_PER_REQUEST:
                return entries[:index]
        return entries

    def settle(self, queue: Queue, count: int, dropped_because: str = "") -> None:
        """Remove the first events of a session: they are written, or dropped for a reason."""
        with self._settled:
            for _ in range(count):
                self._pending_bytes -= queue.entries.popleft().size
            self._pending -= count
            if dropped_because:
                self._dropped += count
                self._reasons[dropped_because] += count
            else:
                self._written += count
            self._settled.notify_all()

    def give_back(self, queue: Queue) -> None:
        """Let `next_ready` return a session again, if it has events left."""
        with self._lock:
            if queue.entries:
                self._ready.append(queue)
            else:
                self._queues.pop(queue.session_id, None)

    def wait_settled(self, timeout: float | None) -> bool:
        """Wait until all events added so far are written or dropped. False: the time is over."""
        with self._settled:
            last = self._recorded
            if timeout is not None:
                timeout = min(timeout, threading.TIMEOUT_MAX)
            return self._settled.wait_for(lambda: self._is_settled(last), timeout)

    def _is_settled(self, last: int) -> bool:
        return all(not queue.entries or queue.entries[0].number > last for queue in self._queues.values())

    def close(self) -> None:
        """Add no more events."""
        with self._lock:
            self._is_closed = True

    def drop_rest(self, reason: str) -> None:
        """Drop all remaining events, once the writer has stopped."""
        with self._lock:
            for queue in self._queues.values():
                self.settle(queue, len(queue.entries), reason)
            self._queues.clear()

    def take_reasons(self) -> Mapping[str, int]:
        """How many events were dropped since the last call, by reason."""
        with self._lock:
            reasons, self._reasons = self._reasons, Counter()
            return reasons
