"""The server, wired together: storage below, services above, health, reflection and metrics beside them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from holdfastdb.v1 import (
    approval_service_pb2,
    document_service_pb2,
    history_service_pb2,
    memory_service_pb2,
    plan_service_pb2,
    run_service_pb2,
    session_service_pb2,
    task_service_pb2,
)
from holdfastdb.v1.approval_service_pb2_grpc import add_ApprovalServiceServicer_to_server
from holdfastdb.v1.document_service_pb2_grpc import add_DocumentServiceServicer_to_server
from holdfastdb.v1.history_service_pb2_grpc import add_HistoryServiceServicer_to_server
from holdfastdb.v1.memory_service_pb2_grpc import add_MemoryServiceServicer_to_server
from holdfastdb.v1.plan_service_pb2_grpc import add_PlanServiceServicer_to_server
from holdfastdb.v1.run_service_pb2_grpc import add_RunServiceServicer_to_server
from holdfastdb.v1.session_service_pb2_grpc import add_SessionServiceServicer_to_server
from holdfastdb.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from holdfastdb_server.config.addresses import check_address_is_free, join_address
from holdfastdb_server.config.settings import Settings
from holdfastdb_server.observability.logs import configure_logs
from holdfastdb_server.rpc.auth import Access
from holdfastdb_server.rpc.health import Health
from holdfastdb_server.rpc.interceptor import CallInterceptor
from holdfastdb_server.rpc.services.approvals import ApprovalService
from holdfastdb_server.rpc.services.documents import DocumentService
from holdfastdb_server.rpc.services.history import HistoryService
from holdfastdb_server.rpc.services.memories import MemoryService
from holdfastdb_server.rpc.services.plans import PlanService
from holdfastdb_server.rpc.services.runs import RunService
from holdfastdb_server.rpc.services.sessions import SessionService
from holdfastdb_server.rpc.services.tasks import TaskService
from holdfastdb_server.storage.options import StartupRefused
from holdfastdb_server.storage.store import SqlStore

if TYPE_CHECKING:
    from holdfastdb_server.observability.metrics import Metrics, MetricsServer

SERVICES = (
    session_service_pb2.DESCRIPTOR.services_by_name["SessionService"].full_name,
    history_service_pb2.DESCRIPTOR.services_by_name["HistoryService"].full_name,
    task_service_pb2.DESCRIPTOR.services_by_name["TaskService"].full_name,
    run_service_pb2.DESCRIPTOR.services_by_name["RunService"].full_name,
    approval_service_pb2.DESCRIPTOR.services_by_name["ApprovalService"].full_name,
    plan_service_pb2.DESCRIPTOR.services_by_name["PlanService"].full_name,
    memory_service_pb2.DESCRIPTOR.services_by_name["MemoryService"].full_name,
    document_service_pb2.DESCRIPTOR.services_by_name["DocumentService"].full_name,
)

GRPC_OPTIONS = {
    "grpc.max_send_message_length": -1,
    # Tails may be quiet for long: let clients look after their connections, and look after ours. By default
    # a client that pings more often than every 5 minutes is thrown out.
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.min_ping_interval_without_data_ms": 5_000,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 20_000,
}
"""What gRPC is told, apart from what the settings say."""

_GC_THRESHOLDS = 10_000, 20, 20

logger = logging.getLogger("holdfast.app")


@dataclass(frozen=True, slots=True)
class Started:
    """What a server that has started tells about itself."""

    address: str
    """`host:port`, with the port that was taken."""
    database: str
    """The URL of the data, without its password."""
    is_available: bool
    """Whether the database is there already; if not, the server goes on trying."""
    has_tls: bool
    needs_token: bool
    metrics_url: str | None
    """Where its metrics are; those of each further worker are one port further."""
    workers: int = 1


class Server:
    """A server from its start to its stop. All of it belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = _make_metrics() if settings.metrics_port is not None else None
        self._metrics_server: MetricsServer | None = None
        self._store = SqlStore(settings.storage_options(), settings.policy(), self._metrics)
        self._health = Health(SERVICES)
        self._calls = CallInterceptor(_make_access(settings), self._metrics)
        self._grpc = _make_grpc_server(settings)
        calls = cast("grpc.aio.Server", self._calls)  # which takes services as a server does
        add_SessionServiceServicer_to_server(SessionService(self._store, settings.policy()), calls)
        add_HistoryServiceServicer_to_server(HistoryService(self._store), calls)
        add_TaskServiceServicer_to_server(TaskService(self._store), calls)
        add_PlanServiceServicer_to_server(PlanService(self._store), calls)
        add_MemoryServiceServicer_to_server(MemoryService(self._store), calls)
        add_DocumentServiceServicer_to_server(DocumentService(self._store), calls)
        add_RunServiceServicer_to_server(RunService(self._store), calls)
        add_ApprovalServiceServicer_to_server(ApprovalService(self._store), calls)
        self._grpc.add_generic_rpc_handlers((self._calls,))
        add_HealthServicer_to_server(self._health, self._grpc)
        _add_reflection(self._grpc)

    async def start(self) -> Started:
        """Open the storage and answer calls. Raises StartupRefused, with nothing left open."""
        settings = self._settings
        if settings.workers == 1:
            check_address_is_free(settings.host, settings.port, "HOLDFAST_PORT")
        port = self._listen()
        await self._store.start()
        try:
            metrics_url = await self._start_metrics()
            await self._grpc.start()
        except BaseException:
            await self.stop()
            raise
        self._store.on_availability(self._health.set_serving)
        return Started(
            address=join_address(settings.host, port),
            database=settings.describe()["database_url"],
            is_available=self._store.is_available,
            has_tls=settings.tls_cert_file is not None,
            needs_token=bool(settings.tokens),
            metrics_url=metrics_url,
        )

    async def drain(self) -> None:
        """Take no further calls and end the tails; return when all calls have ended or their time is up."""
        self._health.drain()
        await self._store.drain_tails()
        await self._calls.draining.begin()
        await self._grpc.stop(self._settings.drain_seconds)

    async def stop(self) -> None:
        """Cancel what still runs and close all."""
        self._health.drain()
        await self._grpc.stop(None)
        await self._store.close()
        if self._metrics_server is not None:
            await asyncio.to_thread(self._metrics_server.close)

    def _listen(self) -> int:
        settings = self._settings
        address = join_address(settings.host, settings.port)
        try:
            if settings.tls_cert_file is None:
                return self._grpc.add_insecure_port(address)
            return self._grpc.add_secure_port(address, _credentials(settings))
        except RuntimeError:
            raise StartupRefused(f"cannot listen on {address}") from None

    async def _start_metrics(self) -> str | None:
        settings = self._settings
        if self._metrics is None or settings.metrics_port is None:
            return None
        check_address_is_free(settings.metrics_host, settings.metrics_port, "HOLDFAST_METRICS_PORT")
        self._metrics.watch_pool(self._store.pool_status)
        self._metrics_server = self._metrics.serve(settings.metrics_host, settings.metrics_port)
        return f"http://{join_address(settings.metrics_host, self._metrics_server.port)}/metrics"


def run(settings: Settings, on_ready: Callable[[Started], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0, or 1 if the server could not start.

    Why it could not is said on stderr. `on_ready` is called once calls are answered.
    """
    return run_until_done(settings, lambda: serve(settings, ready=on_ready))


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


async def serve(
    settings: Settings,
    *,
    ready: Callable[[Started], None] | None = None,
    stop_on: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
) -> None:
    """Serve until a signal; a second one does not wait for running calls. Raises StartupRefused."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    _on_signals(stop_on, on_signal)
    server = Server(settings)
    started = await server.start()
    try:
        logger.info("serving", extra={"address": started.address, "database": started.database})
        if ready is not None:
            ready(started)
        # What the start has made, none of it garbage, stays: a collection that looks at it takes 50 ms.
        gc.freeze()
        # What calls make is gone with them. To look for cycles every 700 objects, Python's default, takes
        # a fiftieth of a call.
        gc.set_threshold(*_GC_THRESHOLDS)
        _start_tasks_at_once()
        await stop.wait()
        logger.info("stopping", extra={"drain_seconds": settings.drain_seconds})
        ways = [asyncio.create_task(server.drain()), asyncio.create_task(hurry.wait())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.stop()
        logger.info("stopped")


def _make_metrics() -> Metrics:
    # Not needed by most: loaded only where it was asked for.
    from holdfastdb_server.observability.metrics import Metrics

    return Metrics()


def _make_access(settings: Settings) -> Access:
    return Access((token.token.get_secret_value(), token.namespaces) for token in settings.tokens)


def _make_grpc_server(settings: Settings) -> grpc.aio.Server:
    return grpc.aio.server(
        options=[
            *GRPC_OPTIONS.items(),
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            # Or a second server on the port would silently get half of the calls.
            ("grpc.so_reuseport", int(settings.workers > 1)),
        ],
    )


def _add_reflection(server: grpc.aio.Server) -> None:
    from grpc_health.v1.health_pb2 import DESCRIPTOR
    from grpc_reflection.v1alpha.reflection import SERVICE_NAME, enable_server_reflection

    health = DESCRIPTOR.services_by_name["Health"].full_name
    enable_server_reflection((*SERVICES, health, SERVICE_NAME), server)


def _credentials(settings: Settings) -> grpc.ServerCredentials:
    certificate = _read_file("HOLDFAST_TLS_CERT_FILE", settings.tls_cert_file)
    key = _read_file("HOLDFAST_TLS_KEY_FILE", settings.tls_key_file)
    authorities = _read_file("HOLDFAST_TLS_CLIENT_CA_FILE", settings.tls_client_ca_file)
    return grpc.ssl_server_credentials(
        [(key or b"", certificate or b"")], authorities, authorities is not None
    )


def _read_file(variable: str, path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path is not None else None
    except OSError as error:
        raise StartupRefused(f"{variable}: {path} cannot be read: {error.strerror}") from None


def _on_signals(numbers: Sequence[signal.Signals], callback: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in numbers:
        # Windows has no such handlers; there an interrupt cancels the main task.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, callback)


def _start_tasks_at_once() -> None:
    """Have each new task run to its first wait at once, not in the loop's next turn: a call has three.

    Python before 3.12 cannot. The library's own factory refuses what uvloop passes on, in Python 3.13.0.
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
