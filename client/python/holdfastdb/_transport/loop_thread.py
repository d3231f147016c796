"""The event loop in which the blocking clients' calls run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from holdfastdb._transport.channel import refuse_after_fork

T = TypeVar("T")


class BackgroundLoop:
    """One event loop in one thread, which runs while its count of holders is above 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def acquire(self) -> None:
        """Count a holder; the first one starts the thread."""
        refuse_after_fork()
        with self._lock:
            if self._holders == 0:
                started: Future[None] = Future()
                # A daemon: a client that was not closed must not keep the process from ending.
                self._thread = threading.Thread(
                    target=self._run, args=(started,), name="holdfast", daemon=True
                )
                self._thread.start()
                started.result()
            self._holders += 1

    def release(self) -> None:
        """Count a holder less; after the last one the thread has ended."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
                self._thread.join()
                self._loop = self._thread = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for its result. The caller's interrupt cancels it."""
        try:
            future = self._submit(coroutine)
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
        finally:
            self.release()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        refuse_after_fork()
        if threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call in the clients' own event loop would wait for itself")
        with self._lock:
            if self._loop is None:
                raise RuntimeError("this Holdfast client is closed")
            # A call is a holder too: the loop must not end during it when another thread closes the client.
            self._holders += 1
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _run(self, started: Future[None]) -> None:
        asyncio.run(self._serve(started))

    async def _serve(self, started: Future[None]) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        started.set_result(None)
        await self._stop.wait()


# One for all clients of the process: gRPC's asyncio keeps one queue of completions per process, and several
# loops that poll it contend for it.
background = BackgroundLoop()
