"""Workers: several server processes on one port, and the parent process that starts and replaces them.

The kernel distributes connections among them (SO_REUSEPORT). To the database they are like servers on several
machines: no other module has to know of them.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from holdfastdb_server.config.addresses import check_address_is_free, shared_port
from holdfastdb_server.config.settings import Settings
from holdfastdb_server.observability.logs import configure_logs
from holdfastdb_server.storage.options import StartupRefused

if TYPE_CHECKING:
    # Not imported at run time: a process that runs gRPC must not start others.
    from holdfastdb_server.app import Started

_PAUSE_SECONDS = 1.0
"""Wait before a worker is replaced, so that one that ends at once is not restarted in a busy loop."""

logger = logging.getLogger("holdfast.workers")


def run(settings: Settings, on_ready: Callable[[Started], None]) -> int:
    """Serve with `settings.workers` processes until SIGTERM or SIGINT and return the exit code.

    A worker that ends by itself is replaced. A second signal does not wait for running calls.
    """
    configure_logs(settings.log_level, settings.log_format)
    try:
        check_address_is_free(settings.host, settings.port, "HOLDFAST_PORT")
        with shared_port(settings.host, settings.port) as port:
            return _Team(settings.model_copy(update={"port": port})).run(on_ready)
    except StartupRefused as refusal:
        sys.stderr.write(f"holdfast: {refusal}\n")
        return 1


@dataclass(frozen=True, slots=True)
class _Worker:
    index: int
    process: SpawnProcess
    ready: Connection

    def until_ready(self) -> Started | None:
        """Wait until it serves and return what it reports; None if it ended instead."""
        try:
            started: Started = self.ready.recv()
        except EOFError:
            self.process.join()
            return None
        return started


class _Team:
    """The worker processes of one port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: dict[int, _Worker] = {}
        self._is_stopping = False

    def run(self, on_ready: Callable[[Started], None]) -> int:
        """See `run`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        # The first one alone: if it is refused, all would be, and the reason is printed once.
        started = [self._start(0).until_ready()]
        if started[0] is not None:
            others = [self._start(index) for index in range(1, self._settings.workers)]
            started += [worker.until_ready() for worker in others]
        if started[0] is None or None in started:
            return self._give_up()
        on_ready(replace(started[0], workers=self._settings.workers))
        while self._workers:
            wait([worker.process.sentinel for worker in self._workers.values()])
            for worker in [w for w in self._workers.values() if not w.process.is_alive()]:
                self._replace(worker)
        return 0

    def _start(self, index: int) -> _Worker:
        settings = self._settings
        own = {
            "metrics_port": settings.metrics_port and settings.metrics_port + index,
            # One janitor is enough: the lock lets one run at a time anyway.
            "janitor_seconds": 0.0 if index else settings.janitor_seconds,
        }
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(settings.model_copy(update=own), sender), name=f"holdfast-worker-{index}"
        )
        process.start()
        sender.close()
        self._workers[index] = _Worker(index, process, receiver)
        if self._is_stopping:
            process.terminate()
        return self._workers[index]

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        del self._workers[worker.index]
        if not self._is_stopping:
            logger.error(
                "a worker has ended", extra={"worker": worker.index, "code": worker.process.exitcode}
            )
            time.sleep(_PAUSE_SECONDS)
        if not self._is_stopping:
            self._start(worker.index)

    def _stop(self) -> None:
        self._is_stopping = True
        for worker in self._workers.values():
            worker.process.terminate()

    def _give_up(self) -> int:
        was_asked = self._is_stopping
        self._stop()
        for worker in self._workers.values():
            worker.process.join()
        return 0 if was_asked else 1


def _work(settings: Settings, ready: Connection) -> None:
    """Serve as one of the workers."""
    from holdfastdb_server import app
    from holdfastdb_server.event_loop import run_until_done

    # Ctrl-C reaches all processes of the terminal; the parent stops workers by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    async def serve() -> None:
        loop = asyncio.get_running_loop()

        def on_orphaned() -> None:
            loop.remove_reader(parent.sentinel)
            os.kill(os.getpid(), signal.SIGTERM)

        loop.add_reader(parent.sentinel, on_orphaned)

        def tell(started: Started) -> None:
            ready.send(started)
            ready.close()

        await app.serve(settings, ready=tell, stop_on=(signal.SIGTERM,))

    sys.exit(run_until_done(settings, serve))
