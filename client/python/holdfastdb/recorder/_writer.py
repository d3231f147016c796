"""The writer of a Recorder: it sends the buffered events, and retries without end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

from holdfastdb._resources.sessions import AsyncSessions
from holdfastdb._transport.append_batching import Appends
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.retries import backoff
from holdfastdb.errors import (
    AlreadyExists,
    DeadlineExceeded,
    HoldfastError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Reason,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from holdfastdb.recorder._buffer import EVENTS_PER_REQUEST, Buffer, Entry, Queue
from holdfastdb.v1 import history_service_pb2 as pb

# Sessions that are written concurrently; their appends are sent in one call.
_PARALLEL = 16
# For an error that may or may not be transient, such as INTERNAL.
_ATTEMPTS = 10
_REPORT_SECONDS = 5.0

logger = logging.getLogger("holdfast.recorder")


class Writer:
    """Sends the buffered events in batches, one batch of a session at a time, in the loop that started it."""

    def __init__(self, connection: Connection, buffer: Buffer, *, create_sessions: bool) -> None:
        self._connection = connection
        self._appends = Appends(connection)
        self._sessions = AsyncSessions(connection)
        self._buffer = buffer
        self._create_sessions = create_sessions
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last_failure = ""

    async def start(self) -> None:
        """Start the tasks that write."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.current_thread()
        work = [self._work() for _ in range(_PARALLEL)]
        self._tasks = [asyncio.create_task(each) for each in (*work, self._report())]

    def wake(self) -> None:
        """Tell the tasks that there is more to write; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._more.set)

    @property
    def runs_in_this_thread(self) -> bool:
        """Whether the caller is in the writer's own thread."""
        return threading.current_thread() is self._thread

    async def stop(self) -> None:
        """Stop the tasks, and close the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close(None)

    async def _work(self) -> None:
        while True:
            self._more.clear()
            queue = self._buffer.next_ready()
            if queue is None:
                await self._more.wait()
            else:
                await self._write(queue)

    async def _write(self, queue: Queue) -> None:
        """Send one batch of a session, then put the session back, after a delay if it failed."""
        entries = self._buffer.first(queue)
        delay = 0.0
        try:
            await self._append(queue, entries)
        except HoldfastError as error:
            delay = self._failed(queue, entries, error)
        except Exception as error:
            # A bug in this package must not end the writing.
            logger.exception("the recorder failed, and tries again")
            delay = self._try_later(queue, repr(error), None)
        else:
            self._buffer.settle(queue, len(entries))
            queue.failures = 0
            queue.limit = min(EVENTS_PER_REQUEST, queue.limit * 2)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._give_back, queue)
        else:
            self._buffer.give_back(queue)

    def _give_back(self, queue: Queue) -> None:
        self._buffer.give_back(queue)
        self._more.set()

    async def _append(self, queue: Queue, entries: list[Entry]) -> None:
        request = pb.AppendEventsRequest(
            session_id=queue.session_id, events=[entry.message for entry in entries]
        )
        try:
            await self._appends.append(request, None)
        except NotFound:
            if not self._create_sessions:
                raise
            # It may have been created concurrently, with other fields.
            with contextlib.suppress(AlreadyExists):
                await self._sessions.create(queue.session_id)
            await self._appends.append(request, None)

    def _failed(self, queue: Queue, entries: list[Entry], error: HoldfastError) -> float:
        """Drop, split or keep a batch that was not written; return the seconds until the next attempt."""
        if _concerns_the_session(error):
            self._buffer.settle(queue, len(entries), str(error))
            return 0.0
        if not _concerns_an_event(error) and (_is_transient(error) or queue.failures < _ATTEMPTS):
            return self._try_later(queue, str(error), error)
        if len(entries) > 1:
            queue.limit = len(entries) // 2
            return 0.0
        self._buffer.settle(queue, 1, str(error))
        queue.failures = 0
        return 0.0

    def _try_later(self, queue: Queue, why: str, error: HoldfastError | None) -> float:
        self._last_failure = why
        queue.failures += 1
        return backoff(queue.failures - 1, error)

    async def _report(self) -> None:
        """Log what went wrong, one line every few seconds at most."""
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            self.report()

    def report(self) -> None:
        """Log what went wrong since the last time."""
        for reason, count in self._buffer.take_reasons().items():
            logger.warning("dropped %d events: %s", count, reason)
        if self._last_failure:
            waiting = self._buffer.stats.pending
            logger.warning("cannot write now; %d events wait: %s", waiting, self._last_failure)
            self._last_failure = ""


def _is_transient(error: HoldfastError) -> bool:
    """Whether the same events may be written later: the error is due to the server's state or settings."""
    return isinstance(
        error, Unavailable | DeadlineExceeded | ResourceExhausted | Unauthenticated | PermissionDenied
    )


def _concerns_the_session(error: HoldfastError) -> bool:
    """Whether no event can be written to the session: it does not exist, or its id is refused."""
    if isinstance(error, InvalidArgument):
        return not any(violation.field.startswith("events") for violation in error.field_violations)
    return isinstance(error, NotFound)


def _concerns_an_event(error: HoldfastError) -> bool:
    """Whether one of the events was refused."""
    if isinstance(error, ResourceExhausted):
        # gRPC's own refusal of a large request has no reason. Overload is not due to the events.
        return error.reason == Reason.LIMIT_EXCEEDED or "larger than max" in error.message
    return isinstance(error, InvalidArgument | AlreadyExists)
