"""The Recorder: events that are written in the background."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import grpc

from holdfastdb._arguments import refused, require, require_flag, require_optional_seconds, require_text
from holdfastdb._convert.events import each_event, write_event
from holdfastdb._transport.channel import ChannelOptions, Connection, refuse_after_fork
from holdfastdb._transport.loop_thread import background
from holdfastdb.recorder._buffer import Buffer, RecorderStats
from holdfastdb.recorder._writer import Writer
from holdfastdb.types.events import Event
from holdfastdb.v1 import history_service_pb2 as pb

_AT_EXIT_SECONDS = 2.0

logger = logging.getLogger("holdfast.recorder")


class Recorder:
    """Writes events in the background: `record` never waits for the server, and never raises anything.

        with holdfastdb.Recorder(create_sessions=True) as recorder:
            recorder.record("order-42", Event.of("agent.started", {"agent": "planner"}, actor="planner"))

    Any number of threads and coroutines may use one. What is recorded is kept in memory, sent in batches, the
    events of a session in their order, and retried until the server has it, however long the server is
    unavailable. An event has its id and its time from the moment it is recorded, so it is written once,
    however often it is sent.

    An event is dropped only

    - when it cannot be sent, such as one made of NaN, or is no Event;
    - when the buffer is full: then the new event is dropped, and those in the buffer stay;
    - when the server refuses it for good, such as an event that is too large; the others are written;
    - when its session does not exist, unless `create_sessions` is set, or the session's id is refused;
    - when the recorder is closed before it could be written.

    Drops are counted in `stats` and logged, to the logger `holdfast.recorder`, every few seconds at most.
    Events in the buffer are lost when the process is killed. Where an event must be durable, use
    `client.history.append`.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        namespace: str = "default",
        token: str | None = None,
        tls: bool | grpc.ChannelCredentials = False,
        timeout: float = 10.0,
        options: ChannelOptions = (),
        create_sessions: bool = False,
        max_events: int = 10_000,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        """A recorder; nothing is connected yet, so this does not need the server.

        `target` to `options` are those of `connect`. `create_sessions`: create a session, PENDING, when an
        event is the first that it gets. `max_events`, `max_bytes`: what the buffer holds at most.
        """
        for name, bound in (("max_events", max_events), ("max_bytes", max_bytes)):
            if require(bound, int, name, "an integer") < 1:
                raise refused(name, "at least 1")
        require_flag(create_sessions, "create_sessions")
        connection = Connection(
            target, namespace=namespace, token=token, tls=tls, timeout=timeout, options=options
        )
        self._buffer = Buffer(max_events, max_bytes)
        self._writer = Writer(connection, self._buffer, create_sessions=create_sessions)
        self._closing = threading.Lock()
        self._is_closed = False
        self._has_warned = False
        background.acquire()
        background.run(self._writer.start())
        atexit.register(self._at_exit)

    def record(self, session_id: str, events: Event | Iterable[Event]) -> None:
        """Add one event or several to the buffer, to be written to a session. Returns at once, never raises.

        The events of one recorder keep their order; those of other recorders and clients may come between.
        """
        try:
            refuse_after_fork()
        except RuntimeError as error:
            self._warn(error)
            return
        if self._is_closed:
            self._warn("the recorder is closed")
        try:
            for event in each_event(events):
                self._record(session_id, event)
        except Exception as error:  # noqa: BLE001 -- such as one of the iterable: it must not reach the agent
            self._buffer.refuse(_reason(error))

    def _record(self, session_id: str, event: Event) -> None:
        try:
            # Here and not in the background: the caller may change the event's labels afterwards.
            require_text(session_id, "session_id")
            message = pb.Event()
            write_event(message, event, "event.")
        except Exception as error:  # noqa: BLE001 -- the events after this one are still to be recorded
            self._buffer.refuse(_reason(error))
            return
        if not message.HasField("event_time"):
            # It may be written much later.
            message.event_time.FromDatetime(datetime.now(UTC))
        if self._buffer.put(session_id, message):
            self._writer.wake()

    def _warn(self, problem: object) -> None:
        """Log once that events are dropped because nothing is written any more."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning("events are dropped: %s", problem)

    @property
    def stats(self) -> RecorderStats:
        """How many events were recorded, written and dropped so far, and how many are pending."""
        refuse_after_fork()
        return self._buffer.stats

    def flush(self, timeout: float | None = 10.0) -> bool:
        """Wait until all that was recorded before is written or dropped. False: it is not within the seconds.

        In a coroutine: `await asyncio.to_thread(recorder.flush)`.
        """
        require_optional_seconds(timeout, "timeout")
        self._check_may_wait()
        return self._buffer.wait_settled(timeout)

    def close(self, timeout: float | None = 10.0) -> bool:
        """Record no more, and wait until all is written. What is not within the seconds is dropped: False.

        Leaving `with` or `async with` does it too, and so does the end of the process, for 2 seconds.
        """
        require_optional_seconds(timeout, "timeout")
        self._check_may_wait()
        with self._closing:
            if self._is_closed:
                return True
            self._is_closed = True
            atexit.unregister(self._at_exit)
            self._buffer.close()
            is_done = self._buffer.wait_settled(timeout)
            try:
                background.run(self._writer.stop())
                self._buffer.drop_rest("the recorder was closed before they could be written")
                self._writer.report()
            finally:
                background.release()
            return is_done

    def _check_may_wait(self) -> None:
        refuse_after_fork()
        if self._writer.runs_in_this_thread:
            raise RuntimeError("in the clients' own event loop this would wait for itself")

    def _at_exit(self) -> None:
        # In a forked process there is nothing to write.
        with contextlib.suppress(RuntimeError):
            self.close(_AT_EXIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


def _reason(error: Exception) -> str:
    """Why an event is dropped; only the name of the error where its `__str__` raises."""
    try:
        return f"it cannot be sent: {error}"
    except Exception:  # noqa: BLE001
        return f"it cannot be sent: {type(error).__name__}"
