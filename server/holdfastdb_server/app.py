"""The server: storage, services, health checks, reflection and metrics, wired together."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

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
from holdfastdb_server.event_loop import on_signals, run_until_done, tune_for_calls
from holdfastdb_server.grpc_server import add_port, add_reflection, make_grpc_server
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

logger = logging.getLogger("holdfast.app")


@dataclass(frozen=True, slots=True)
class Started:
    """What a started server reports."""

    address: str
    """`host:port`, with the port that was taken."""
    database: str
    """The URL of the data, without its password."""
    is_available: bool
    """Whether the database replies; if not, the server retries."""
    has_tls: bool
    needs_token: bool
    metrics_url: str | None
    """The URL of its metrics; each further worker has the next port."""
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
        self._grpc = make_grpc_server(settings)
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
        add_reflection(self._grpc, SERVICES)

    async def start(self) -> Started:
        """Open the storage and accept calls. Raises StartupRefused, with nothing left open."""
        settings = self._settings
        if settings.workers == 1:
            check_address_is_free(settings.host, settings.port, "HOLDFAST_PORT")
        port = add_port(self._grpc, settings)
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
        """Refuse new calls and end the tails; return when all calls have ended, or after `drain_seconds`."""
        self._health.drain()
        await self._store.drain_tails()
        await self._calls.draining.begin()
        await self._grpc.stop(self._settings.drain_seconds)

    async def stop(self) -> None:
        """Cancel running calls and close everything."""
        self._health.drain()
        await self._grpc.stop(None)
        await self._store.close()
        if self._metrics_server is not None:
            await asyncio.to_thread(self._metrics_server.close)

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

    Then stderr says why. `on_ready` is called once when the server accepts calls.
    """
    return run_until_done(settings, lambda: serve(settings, ready=on_ready))


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

    on_signals(stop_on, on_signal)
    server = Server(settings)
    started = await server.start()
    try:
        logger.info("serving", extra={"address": started.address, "database": started.database})
        if ready is not None:
            ready(started)
        tune_for_calls()
        await stop.wait()
        logger.info("stopping", extra={"drain_seconds": settings.drain_seconds})
        ways = [asyncio.create_task(server.drain()), asyncio.create_task(hurry.wait())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await server.stop()
        logger.info("stopped")


def _make_metrics() -> Metrics:
    # Loaded only if there are metrics, which most servers do not have.
    from holdfastdb_server.observability.metrics import Metrics

    return Metrics()


def _make_access(settings: Settings) -> Access:
    return Access((token.token.get_secret_value(), token.namespaces) for token in settings.tokens)
