"""The event loop of a server process: which one it is, its signals, its tasks, and the garbage collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from holdfastdb_server.config.settings import Settings
from holdfastdb_server.observability.logs import configure_logs
from holdfastdb_server.storage.options import StartupRefused

_GC_THRESHOLDS = 10_000, 20, 20


def run_until_done(settings: Settings, work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run work in an event loop and return the exit code: 0, or 1 if the server could not start."""
    configure_logs(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(work())
    except StartupRefused as refusal:
        sys.stderr.write(f"holdfast: {refusal}\n")
        return 1
    return 0


def on_signals(numbers: Sequence[signal.Signals], callback: Callable[[], None]) -> None:
    """Call back in the running loop for each such signal."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        # Windows has no such handlers; there an interrupt cancels the main task.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, callback)


def tune_for_calls() -> None:
    """Set the process up for many short calls, once what lives as long as it does is made."""
    # Objects of the start-up are never garbage; a collection that visits them takes 50 ms.
    gc.freeze()
    # Objects of a call are freed by their reference counts. A collection every 700 objects, Python's default,
    # takes 2 % of the time of a call.
    gc.set_threshold(*_GC_THRESHOLDS)
    _start_tasks_at_once()


def _start_tasks_at_once() -> None:
    """Have each new task run to its first wait at once, not in the loop's next iteration.

    A call has three tasks. Python before 3.12 cannot. asyncio's own factory for it refuses an argument that
    uvloop passes, in Python 3.13.0.
    """
    if sys.version_info >= (3, 12):

        def start(
            loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **how: Any
        ) -> asyncio.Task[Any]:
            return asyncio.Task(work, loop=loop, **how | {"eager_start": True})

        asyncio.get_running_loop().set_task_factory(start)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:  # there is none for Windows
        return None
    return uvloop.new_event_loop
