"""What an operator sees of a server, and whom it lets in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import holdfastdb
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.clients import connected, failure, history
from tests.support.probes import metrics, until_no_tail_is_open
from tests.support.raw import HISTORY, SESSIONS, Raw
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE


async def test_the_server_and_each_service_are_serving(client: holdfastdb.AsyncClient) -> None:
    stub: Any = health_pb2_grpc.HealthStub(client.channel)
    for service in ("", SESSIONS, HISTORY):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    error = await failure(stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=PATIENCE))
    assert error.code == grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SESSIONS), timeout=PATIENCE)
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


async def test_reflection_lists_the_services_and_describes_them(client: holdfastdb.AsyncClient) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(client.channel)  # type: ignore[arg-type]  # generated without asyncio in mind

    async def ask(**question: Any) -> Any:
        request = reflection_pb2.ServerReflectionRequest(**question)
        call = stub.ServerReflectionInfo(iter([request]), timeout=PATIENCE)
        return await anext(aiter(call))

    listed = (await ask(list_services="")).list_services_response.service
    assert {SESSIONS, HISTORY, "grpc.health.v1.Health"} <= {service.name for service in listed}
    described = await ask(file_containing_symbol=HISTORY)
    assert b"TailEventsRequest" in described.file_descriptor_response.file_descriptor_proto[0]


async def test_the_metrics_count_calls_and_what_the_storage_does(
    engine: str, shared_server: ServerProcess, client: holdfastdb.AsyncClient, session_id: str
) -> None:
    def call(name: str, method: str, *, code: str = "", kind: str = "unary") -> str:
        labels = {"grpc_code": code} if code else {}
        labels |= {"grpc_method": method, "grpc_service": HISTORY, "grpc_type": kind}
        return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"

    await client.history.append(session_id, holdfastdb.Event.of("n", 1))
    await until_no_tail_is_open(shared_server)
    before = await metrics(shared_server)
    async with client.history.tail(session_id) as tail:
        for _ in range(3):
            await client.history.append(session_id, holdfastdb.Event.of("n", 2))
        with pytest.raises(holdfastdb.NotFound):
            await client.history.append("missing", holdfastdb.Event.of("n", 2))
        for _ in range(4):
            await anext(tail)
        after = await metrics(shared_server)
        assert after["holdfast_tails_open"] == 1
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown[call("grpc_server_started_total", "AppendEvents")] == 4
    assert grown[call("grpc_server_handled_total", "AppendEvents", code="OK")] == 3
    assert grown[call("grpc_server_handled_total", "AppendEvents", code="NotFound")] == 1
    assert grown[call("grpc_server_handling_seconds_count", "AppendEvents")] == 4
    assert grown[call("grpc_server_started_total", "TailEvents", kind="server_stream")] == 1
    assert grown["holdfast_tail_events_total"] == 4
    assert grown["holdfast_tail_lag_seconds_count"] >= 1
    assert grown['holdfast_batch_requests_sum{kind="group_commit"}'] == 4
    assert grown['holdfast_batch_seconds_count{kind="group_commit"}'] >= 1
    single_statement = 3 if engine == "postgres" else 0
    writes = 'holdfast_writes_total{kind="append",path="%s"}'
    assert grown[writes % "single_statement"] == single_statement
    assert grown[writes % "planned"] == 4 - single_statement
    fallbacks = 'holdfast_single_statement_fallbacks_total{kind="append",reason="%s"}'
    assert grown[fallbacks % "checks"] == (1 if engine == "postgres" else 0)
    assert grown[fallbacks % "refused"] == grown[fallbacks % "unsendable"] == 0
    assert after['holdfast_pool_connections{state="size"}'] >= 1
    assert after["process_resident_memory_bytes"] > 0


async def test_the_id_of_a_call_comes_back(client: holdfastdb.AsyncClient, session_id: str) -> None:
    stub = client.stubs.sessions

    async def told(given: str, name: str) -> str:
        request = session_pb.GetSessionRequest(session_id=name)
        call = stub.GetSession(request, metadata=(("x-request-id", given),) if given else ())
        await call.code()
        return str(dict(await call.trailing_metadata()).get("x-request-id", ""))

    assert await told("my-call", session_id) == "my-call"
    assert await told("my-failed-call", "missing") == "my-failed-call"
    # A caller who gives none, or one that may not be logged, is told ours where something fails.
    made = {given: await told(given, "missing") for given in ("", "x" * 129, "with space")}
    assert len(set(made.values())) == 3
    assert all(made.values())
    assert made.keys().isdisjoint(made.values())


async def test_what_nobody_has_implemented_says_so(raw: Raw) -> None:
    for path in ((SESSIONS, "EatSession"), ("holdfastdb.v1.NoSuchService", "Get"), ("holdfast.v2.X", "Y")):
        assert (await failure(raw.send(*path, b""))).code == grpc.StatusCode.UNIMPLEMENTED


async def test_namespaces_do_not_see_each_other(shared_server: ServerProcess) -> None:
    async with (
        connected(shared_server, namespace="north") as north,
        connected(shared_server, namespace="south") as south,
    ):
        for client, title in ((north, "of the north"), (south, "of the south")):
            await client.sessions.create("same", title=title, user_id="u")
            await client.history.append("same", holdfastdb.Event.of("n", title, event_id="e", trace_id="t"))
            await client.states.save("same", title)
        await north.sessions.create("mine")
        with pytest.raises(holdfastdb.NotFound):
            await south.sessions.get("mine")
        with pytest.raises(holdfastdb.NotFound):
            await south.sessions.create("child", parent_session_id="mine")
        for client, title in ((north, "of the north"), (south, "of the south")):
            assert (await client.sessions.get("same")).title == title
            assert [event.value for event in await history(client, "same")] == [title]
            assert [event.value async for event in client.history.list(trace_id="t")] == [title]
            assert (await client.states.load("same")).value == title
        assert {session.session_id async for session in south.sessions.list()} == {"same"}
        page = await north.sessions.list(page_size=1, include_total_size=True).page()
        assert page.total_size == 2
        with pytest.raises(holdfastdb.InvalidArgument):
            await south.sessions.list(page_size=1, page_token=page.next_page_token).page()
        await south.sessions.delete("same")
        assert (await north.sessions.get("same")).title == "of the north"


TOKENS = [
    {"token": "token-of-all"},
    {"token": "token-of-north", "namespaces": ["north"]},
    {"token": "other-token-of-north-and-south", "namespaces": ["north", "south"]},
]


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that asks for tokens and logs every call."""
    environment = {"HOLDFAST_TOKENS": json.dumps(TOKENS), "HOLDFAST_LOG_LEVEL": "debug"}
    server = ServerProcess(tmp_path, environment=environment)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def test_a_token_opens_its_namespaces_and_is_never_logged(guarded: ServerProcess) -> None:
    async def outcome(token: str | None, namespace: str) -> str:
        async with connected(guarded, token=token, namespace=namespace, retries=False) as client:
            try:
                await client.sessions.create("s")
                async with client.history.tail("s", give_up_after=0):
                    pass
            except holdfastdb.HoldfastError as error:
                return f"{error.code.name} {error.reason}"
            return "OK"

    denied, unknown = "PERMISSION_DENIED NAMESPACE_NOT_ALLOWED", "UNAUTHENTICATED TOKEN_INVALID"
    expected = {
        (None, "north"): unknown,
        ("token-of-nobody", "north"): unknown,
        ("token-of-all ", "north"): "OK",
        ("token-of-al", "north"): unknown,
        ("token-of-all", "north"): "OK",
        ("token-of-all", "anything"): "OK",
        ("token-of-north", "north"): "OK",
        ("token-of-north", "south"): denied,
        ("token-of-north", "default"): denied,
        ("other-token-of-north-and-south", "south"): "OK",
        ("other-token-of-north-and-south", "east"): denied,
    }
    assert {given: await outcome(*given) for given in expected} == expected
    assert "token-of" not in guarded.log


async def test_another_scheme_is_no_token_and_health_needs_none(guarded: ServerProcess) -> None:
    async with connected(guarded) as client:
        request = session_pb.GetSessionRequest(session_id="s")
        for header in ("token-of-all", "Basic token-of-all", "Bearer", "Bearer ", "bearer token-of-all"):
            error = await failure(
                client.stubs.sessions.GetSession(request, metadata=(("authorization", header),))
            )
            known = header == "bearer token-of-all"
            assert error.reason == ("SESSION_NOT_FOUND" if known else "TOKEN_INVALID"), header
    await guarded.until_serving(SESSIONS)


async def test_a_refused_call_is_in_the_log_under_its_id(guarded: ServerProcess) -> None:
    async with connected(guarded, token="token-of-all") as client:
        with pytest.raises(holdfastdb.NotFound) as caught:
            await client.sessions.get("missing")
    (line,) = [json.loads(line) for line in guarded.log.splitlines() if caught.value.call_id in line]
    assert line["request_id"] == caught.value.call_id
    assert line["method"] == f"/{SESSIONS}/GetSession"
    assert line["code"] == "NOT_FOUND"
    assert line["namespace"] == "default"
