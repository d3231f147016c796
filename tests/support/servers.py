"""Servers as users run them: `holdfast serve` in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.databases import Databases
from tests.support.processes import Guard, free_port
from tests.support.stores import TIME_LIMITS
from tests.support.waiting import PATIENCE, eventually, patient

_TIME_LIMITS = {f"HOLDFAST_DB_{name.upper()}_SECONDS": str(limit) for name, limit in TIME_LIMITS.items()}
_CHANNEL_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 100)]


class ServerProcess:
    """`holdfast serve` on a port of its own, which it keeps when it is started again.

    It works in `directory`, where its log is too. `environment` is added to ours, less our HOLDFAST_*.
    """

    def __init__(
        self,
        directory: Path,
        database_url: str = "",
        *,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.database_url = database_url
        """Where its data is; empty: where its arguments and environment say."""
        self._directory = directory
        self._arguments = tuple(arguments)
        self._log = directory / f"server-{self.port}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        self._environment = {
            **inherited,
            **_TIME_LIMITS,
            "HOLDFAST_PORT": str(self.port),
            **({"HOLDFAST_DATABASE_URL": database_url} if database_url else {}),
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @property
    def target(self) -> str:
        """Where a client connects to."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it printed and logged since its first start."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start, and return when all of it is SERVING."""
        self.launch()
        await self.until_serving()

    def launch(self) -> None:
        """Start, and do not wait."""
        assert not self.is_running
        command = [sys.executable, "-m", "holdfastdb_server", "serve", *self._arguments]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = Guard('kill -KILL "-$1"', str(self._process.pid))

    async def until_serving(self, service: str = "") -> None:
        """Return when the service, or the server as a whole, is SERVING."""
        serving = health_pb2.HealthCheckResponse.SERVING
        await eventually(lambda: self._has_status(service, serving), f"SERVING of '{service}'; {self.log}")

    async def until_not_serving(self, service: str = "") -> None:
        """Return when the service is NOT_SERVING, on a server that answers."""
        status = health_pb2.HealthCheckResponse.NOT_SERVING
        await eventually(lambda: self._has_status(service, status), f"NOT_SERVING of '{service}'; {self.log}")

    async def stop(self) -> int:
        """Ask it to stop (SIGTERM), wait for it and return its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill it and its workers (SIGKILL)."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop and start."""
        await self.stop()
        await self.start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait until it ends by itself and return its exit code."""
        await eventually(lambda: not self.is_running, f"the end of the server; {self.log}")
        return await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> int:
        code = 0
        if self._process is not None:
            if self.is_running:
                self._process.send_signal(how)
            try:
                code = await asyncio.to_thread(self._process.wait, PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
                raise AssertionError(f"the server does not stop on {how.name}:\n{self.log}") from None
            finally:
                self._process = None
                if self._guard is not None:
                    self._guard.release()
                    self._guard = None
        return code

    async def _has_status(self, service: str, wanted: int) -> bool:
        if not self.is_running:
            raise AssertionError(f"the server has ended:\n{self.log}")
        async with grpc.aio.insecure_channel(self.target, options=_CHANNEL_OPTIONS) as channel:
            request = health_pb2.HealthCheckRequest(service=service)
            check = health_pb2_grpc.HealthStub(channel).Check
            try:
                # One call that waits for the server costs it less than many that fail. Not for long: it may
                # have ended.
                answer = await check(request, timeout=patient(0.5), wait_for_ready=True)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == wanted)


@asynccontextmanager
async def shareable_server(databases: Databases, directory: Path) -> AsyncIterator[ServerProcess]:
    """Start a server with metrics on a fresh database, and stop it in order at the end."""
    async with databases.fresh() as url:
        server = ServerProcess(directory, url, environment={"HOLDFAST_METRICS_PORT": "0"})
        try:
            await server.start()
            yield server
            assert await server.stop() == 0
        finally:
            await server.kill()
