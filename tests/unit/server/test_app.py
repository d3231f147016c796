"""The server as a whole, in this process, on a SQLite file."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from pydantic import SecretStr

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceStub
from holdfastdb.v1.session_service_pb2_grpc import SessionServiceStub
from holdfastdb_server.app import SERVICES, Server, Started, run
from holdfastdb_server.config.settings import Settings
from holdfastdb_server.storage.options import StartupRefused
from tests.support.waiting import PATIENCE

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


class Running:
    """A started server and a channel to it."""

    def __init__(self, server: Server, started: Started, channel: Any) -> None:
        self.server = server
        self.started = started
        self.sessions: Any = SessionServiceStub(channel)
        self.history: Any = HistoryServiceStub(channel)
        self.health: Any = HealthStub(channel)
        self.reflection: Any = ServerReflectionStub(channel)

    @property
    def port(self) -> int:
        return int(self.started.address.rpartition(":")[2])


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts servers with settings of the test's own; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Running:
            given: dict[str, Any] = {
                "port": 0,
                "database_url": f"sqlite:///{tmp_path}/test.db",
                "drain_seconds": 10,
            }
            server = Server(Settings(**(given | settings)))
            started = await server.start()
            stack.push_async_callback(server.stop)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(started.address))
            return Running(server, started, channel)

        yield start


async def test_it_answers_and_keeps_what_it_is_told(start: Start) -> None:
    server = await start()
    created = await server.sessions.CreateSession(
        pb.CreateSessionRequest(session=pb.Session(session_id="s", title="T"))
    )
    read = await server.sessions.GetSession(pb.GetSessionRequest(session_id="s"))
    assert read.session == created.session
    assert read.session.title == "T"


async def test_it_tells_where_it_listens_and_where_the_data_is(start: Start, tmp_path: Path) -> None:
    started = (await start()).started
    assert started.address.startswith("127.0.0.1:")
    assert started.database == f"sqlite:///{tmp_path}/test.db"
    assert (started.is_available, started.has_tls, started.needs_token) == (True, False, False)
    assert started.metrics_url is None


async def test_every_service_and_the_whole_are_serving(start: Start) -> None:
    server = await start()
    for service in ("", *SERVICES):
        answer = await server.health.Check(HealthCheckRequest(service=service))
        assert answer.status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await server.health.Check(HealthCheckRequest(service="holdfastdb.v1.NoSuchService"))
    assert failure.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_lists_what_there_is(start: Start) -> None:
    server = await start()
    call = server.reflection.ServerReflectionInfo(iter([ServerReflectionRequest(list_services="")]))
    async for answer in call:
        assert {service.name for service in answer.list_services_response.service} == {
            *SERVICES,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }


async def test_tokens_guard_our_services_but_not_health(start: Start) -> None:
    server = await start(tokens=[{"token": "t", "namespaces": ["a"]}])
    assert server.started.needs_token
    assert (await server.health.Check(HealthCheckRequest())).status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await server.sessions.GetSession(pb.GetSessionRequest(session_id="s"))
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    headers = (("authorization", "Bearer t"), ("holdfast-namespace", "a"))
    await server.sessions.CreateSession(pb.CreateSessionRequest(), metadata=headers)


async def test_a_request_beyond_the_bound_is_refused(start: Start) -> None:
    server = await start(max_request_bytes=4 * 2**20)
    request = pb.CreateSessionRequest(session=pb.Session(session_id="x" * (5 * 2**20)))
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await server.sessions.CreateSession(request)
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_metrics_count_the_calls(start: Start) -> None:
    server = await start(metrics_port=0)
    await server.sessions.CreateSession(pb.CreateSessionRequest())
    assert server.started.metrics_url
    page = await asyncio.to_thread(_read, server.started.metrics_url)
    method = 'grpc_method="CreateSession",grpc_service="holdfastdb.v1.SessionService",grpc_type="unary"'
    assert f'grpc_server_handled_total{{grpc_code="OK",{method}}} 1.0' in page
    assert 'holdfast_pool_connections{state="in_use"}' in page


async def test_a_drain_ends_tails_tells_watchers_and_takes_nothing_more(start: Start) -> None:
    server = await start(drain_seconds=3600)
    await server.sessions.CreateSession(pb.CreateSessionRequest(session=pb.Session(session_id="s")))
    tail = server.history.TailEvents(history_pb.TailEventsRequest(session_id="s"))
    assert (await tail.read()).WhichOneof("content") == "caught_up"
    watch = server.health.Watch(HealthCheckRequest())
    assert (await watch.read()).status == SERVING

    # Far below `drain_seconds`: the drain waits for nothing that does not end.
    await asyncio.wait_for(server.server.drain(), PATIENCE)

    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await tail.read()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "SERVER_DRAINING" in str(ended.value.trailing_metadata())
    assert (await watch.read()).status == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await server.sessions.GetSession(pb.GetSessionRequest(session_id="s"), timeout=PATIENCE)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_second_server_on_the_port_is_refused(start: Start, tmp_path: Path) -> None:
    first = await start()
    with pytest.raises(StartupRefused, match=r"127\.0\.0\.1:\d+ is in use.*HOLDFAST_PORT"):
        await start(port=first.port, database_url=f"sqlite:///{tmp_path}/other.db")


async def test_a_second_server_on_the_file_is_refused(start: Start) -> None:
    await start()
    with pytest.raises(StartupRefused):
        await start()


async def test_a_metrics_port_in_use_is_refused_and_nothing_is_left_open(
    start: Start, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartupRefused, match="METRICS_PORT"):
        await start(metrics_port=taken.getsockname()[1])
    await start()


async def test_an_address_of_another_machine_is_refused(start: Start) -> None:
    with pytest.raises(StartupRefused, match=r"192\.0\.2\.1"):
        await start(host="192.0.2.1", insecure=True)
    with pytest.raises(StartupRefused, match=r"no-such-host\.invalid"):
        await start(host="no-such-host.invalid", insecure=True)


@pytest.mark.needs("openssl")
async def test_it_speaks_tls_and_asks_for_a_clients_certificate(start: Start, tmp_path: Path) -> None:
    key, certificate = await asyncio.to_thread(_make_certificate, tmp_path)
    files = {"tls_cert_file": certificate, "tls_key_file": key, "tls_client_ca_file": certificate}
    server = await start(host="localhost", **files)
    assert server.started.has_tls
    roots, chain, secret = certificate.read_bytes(), certificate.read_bytes(), key.read_bytes()
    known = grpc.ssl_channel_credentials(roots, secret, chain)
    async with grpc.aio.secure_channel(server.started.address, known) as channel:
        health: Any = HealthStub(channel)
        assert (await health.Check(HealthCheckRequest(), timeout=PATIENCE)).status == SERVING
    async with grpc.aio.secure_channel(
        server.started.address, grpc.ssl_channel_credentials(roots)
    ) as channel:
        health = HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await health.Check(HealthCheckRequest(), timeout=PATIENCE)
        assert failure.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_that_cannot_be_read_is_refused_by_its_variable(start: Start) -> None:
    with pytest.raises(StartupRefused, match=r"HOLDFAST_TLS_CERT_FILE: /no/cert\.pem cannot be read"):
        await start(tls_cert_file="/no/cert.pem", tls_key_file="/no/key.pem")


@pytest.mark.usefixtures("logs_as_before")
def test_a_server_that_cannot_start_says_why_and_exits_with_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = SecretStr(f"sqlite:///{tmp_path}/test.db")
        assert run(Settings(port=port, database_url=url)) == 1
    assert capfd.readouterr().err.startswith(f"holdfast: 127.0.0.1:{port} is in use")


def _make_certificate(directory: Path) -> tuple[Path, Path]:
    key, certificate = directory / "key.pem", directory / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj"
    files = ["-keyout", str(key), "-out", str(certificate)]
    names = ["/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return key, certificate


def _read(url: str) -> str:
    with urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())
