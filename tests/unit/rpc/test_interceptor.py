"""What every call goes through, on a real gRPC server whose answers the tests choose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceStub
from holdfastdb.v1.session_service_pb2_grpc import SessionServiceStub
from holdfastdb_server.domain.errors import ServerDraining, SessionNotFound
from holdfastdb_server.rpc.auth import Access
from holdfastdb_server.rpc.context import current_call, namespace
from holdfastdb_server.rpc.interceptor import CallInterceptor
from tests.support.waiting import PATIENCE, eventually

GET_SESSION = "/holdfastdb.v1.SessionService/GetSession"


class Meter:
    """Notes what it is told of calls, and of which methods."""

    def __init__(self) -> None:
        self.methods: list[tuple[str, str, str]] = []
        self.running = 0
        self.codes: list[str] = []

    def method(self, kind: str, service: str, name: str) -> MeterOfMethod:
        return MeterOfMethod(self, (kind, service, name))


class MeterOfMethod:
    """Notes what it is told of the calls of one method."""

    def __init__(self, meter: Meter, method: tuple[str, str, str]) -> None:
        self._meter = meter
        self._method = method

    def started(self) -> None:
        self._meter.methods.append(self._method)
        self._meter.running += 1

    def handled(self, code: str, seconds: float) -> None:
        assert seconds >= 0
        self._meter.running -= 1
        self._meter.codes.append(code)


class Answers:
    """Answers GetSession and TailEvents as a test says."""

    def __init__(self) -> None:
        self.answer: Callable[[], Awaitable[str]] = _answer
        self.tail: Callable[[], AsyncIterator[history_pb.TailEventsResponse]] | None = None
        self.closed = asyncio.Event()

    def add_to(self, calls: CallInterceptor) -> None:
        get_session = grpc.unary_unary_rpc_method_handler(
            self._get_session,
            request_deserializer=pb.GetSessionRequest.FromString,
            response_serializer=pb.GetSessionResponse.SerializeToString,
        )
        tail_events = grpc.unary_stream_rpc_method_handler(
            self._tail_events,
            request_deserializer=history_pb.TailEventsRequest.FromString,
            response_serializer=history_pb.TailEventsResponse.SerializeToString,
        )
        calls.add_registered_method_handlers("holdfastdb.v1.SessionService", {"GetSession": get_session})
        calls.add_registered_method_handlers("holdfastdb.v1.HistoryService", {"TailEvents": tail_events})

    async def _get_session(self, request: pb.GetSessionRequest, context: object) -> pb.GetSessionResponse:
        return pb.GetSessionResponse(session=pb.Session(session_id=await self.answer()))

    async def _tail_events(
        self, request: history_pb.TailEventsRequest, context: object
    ) -> AsyncIterator[history_pb.TailEventsResponse]:
        assert self.tail
        try:
            async for response in self.tail():
                yield response
        finally:
            self.closed.set()


async def _answer() -> str:
    return "s"


async def _fail() -> str:
    raise SessionNotFound("s-1")


class Rig:
    """A server with the interceptor, and a channel to it."""

    def __init__(self, access: Access) -> None:
        self.answers = Answers()
        self.meter = Meter()
        calls = CallInterceptor(access, self.meter)
        self.answers.add_to(calls)
        self._server = grpc.aio.server(handlers=[calls])

    async def __aenter__(self) -> Rig:
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.stub: Any = SessionServiceStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self._server.stop(None)

    async def get(self, **headers: str) -> str:
        response = await self.stub.GetSession(
            pb.GetSessionRequest(), metadata=_headers(headers), timeout=PATIENCE
        )
        return str(response.session.session_id)

    async def failure(self, **headers: str) -> tuple[grpc.aio.AioRpcError, ErrorInfo]:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await self.get(**headers)
        return failure.value, _info(failure.value)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig(Access()) as rig:
        yield rig


@pytest.fixture
async def guarded_rig() -> AsyncIterator[Rig]:
    async with Rig(Access([("secret", ["a"])])) as rig:
        yield rig


async def test_a_handler_sees_the_namespace_of_its_call(rig: Rig) -> None:
    async def answer() -> str:
        seen = namespace()
        await asyncio.sleep(0)
        assert namespace() == seen
        return seen

    rig.answers.answer = answer
    assert await rig.get() == "default"
    assert await rig.get(holdfast_namespace="") == "default"
    names = [f"team-{number}" for number in range(20)]
    assert await asyncio.gather(*(rig.get(holdfast_namespace=name) for name in names)) == names


async def test_a_namespace_is_checked_like_an_id(rig: Rig) -> None:
    error, info = await rig.failure(holdfast_namespace="x" * 256)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (info.reason, info.metadata["field"]) == ("INVALID_FIELD", "holdfast-namespace")


async def test_the_callers_request_id_is_sent_back(rig: Rig) -> None:
    call = rig.stub.GetSession(pb.GetSessionRequest(), metadata=(("x-request-id", "abc"),))
    await call
    assert dict(await call.trailing_metadata()) == {"x-request-id": "abc"}


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b"])
async def test_an_error_has_a_request_id_where_none_of_use_was_sent(rig: Rig, sent: str) -> None:
    rig.answers.answer = _fail
    headers = {"x_request_id": sent} if sent else {}
    errors = [(await rig.failure(**headers))[0] for _ in range(2)]
    made = {str(dict(error.trailing_metadata() or ())["x-request-id"]) for error in errors}
    assert len(made) == 2
    assert sent not in made


async def test_an_error_of_the_domain_becomes_its_status(rig: Rig) -> None:
    rig.answers.answer = _fail
    error, info = await rig.failure(x_request_id="abc")
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no session 's-1'")
    assert (info.reason, dict(info.metadata)) == ("SESSION_NOT_FOUND", {"session_id": "s-1"})
    assert dict(error.trailing_metadata() or ())["x-request-id"] == "abc"
    assert rig.meter.codes == ["NOT_FOUND"]


async def test_a_bug_is_logged_and_not_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    async def answer() -> str:
        raise RuntimeError("SELECT secret")

    rig.answers.answer = answer
    error, info = await rig.failure(x_request_id="abc")
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "SELECT" not in str(error)
    assert (info.reason, info.metadata["request_id"]) == ("INTERNAL", "abc")
    [record] = caplog.records
    assert record.exc_info is not None
    assert "SELECT secret" in str(record.exc_info[1])
    assert record.__dict__["method"] == GET_SESSION


async def test_an_answer_that_cannot_be_serialized_is_a_bug(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer() -> str:
        return "\ud800"

    rig.answers.answer = answer
    _, info = await rig.failure()
    assert info.reason == "INTERNAL"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("request_", [b"\x0a\x02\xff\xfe", b"\x0a\xff", b"nonsense"])
async def test_a_request_that_cannot_be_parsed_is_malformed(rig: Rig, request_: bytes) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await _call(rig, GET_SESSION, request_)
    assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert _info(failure.value).reason == "MALFORMED_REQUEST"
    assert rig.meter.codes == ["INVALID_ARGUMENT"]


async def test_a_call_needs_a_token_where_tokens_are_set(guarded_rig: Rig) -> None:
    error, info = await guarded_rig.failure(holdfast_namespace="a")
    assert (error.code(), info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    error, info = await guarded_rig.failure(authorization="Bearer secret", holdfast_namespace="b")
    assert (error.code(), info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NAMESPACE_NOT_ALLOWED")
    assert await guarded_rig.get(authorization="Bearer secret", holdfast_namespace="a") == "s"


async def test_a_method_that_does_not_exist_is_unimplemented(guarded_rig: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await _call(guarded_rig, "/holdfastdb.v1.TaskService/GetTask", b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_calls_are_measured_by_method(rig: Rig) -> None:
    await rig.get()
    await rig.get()
    assert rig.meter.methods == [("unary", "holdfastdb.v1.SessionService", "GetSession")] * 2
    assert (rig.meter.running, rig.meter.codes) == (0, ["OK", "OK"])


async def test_a_cancelled_call_is_counted_as_cancelled(rig: Rig) -> None:
    entered = asyncio.Event()

    async def answer() -> str:
        entered.set()
        await asyncio.Event().wait()
        return ""

    rig.answers.answer = answer
    call = rig.stub.GetSession(pb.GetSessionRequest())
    asking = asyncio.ensure_future(_result_of(call))
    await entered.wait()
    call.cancel()
    await asking
    await eventually(lambda: rig.meter.codes == ["CANCELLED"])


async def test_a_call_is_logged_for_those_who_debug(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "holdfast.rpc")
    await rig.get(holdfast_namespace="team")
    [record] = caplog.records
    logged = record.__dict__
    assert (logged["method"], logged["code"], logged["namespace"]) == (GET_SESSION, "OK", "team")


async def test_a_stream_ends_with_the_status_of_its_error(rig: Rig) -> None:
    async def tail() -> AsyncIterator[history_pb.TailEventsResponse]:
        yield history_pb.TailEventsResponse(caught_up=history_pb.CaughtUp(last_sequence=1))
        assert current_call.get().namespace == "team"
        raise ServerDraining

    rig.answers.tail = tail
    stub: Any = HistoryServiceStub(rig.channel)
    stream = stub.TailEvents(history_pb.TailEventsRequest(), metadata=(("holdfast-namespace", "team"),))
    assert (await stream.read()).caught_up.last_sequence == 1
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stream.read()
    assert failure.value.code() is grpc.StatusCode.UNAVAILABLE
    assert _info(failure.value).reason == "SERVER_DRAINING"
    assert rig.meter.methods == [("server_stream", "holdfastdb.v1.HistoryService", "TailEvents")]
    assert rig.meter.codes == ["UNAVAILABLE"]


async def test_a_stream_whose_reader_leaves_is_closed(rig: Rig) -> None:
    async def tail() -> AsyncIterator[history_pb.TailEventsResponse]:
        yield history_pb.TailEventsResponse()
        await asyncio.Event().wait()

    rig.answers.tail = tail
    stub: Any = HistoryServiceStub(rig.channel)
    stream = stub.TailEvents(history_pb.TailEventsRequest())
    await stream.read()
    stream.cancel()
    await asyncio.wait_for(rig.answers.closed.wait(), PATIENCE)
    await eventually(lambda: rig.meter.codes == ["CANCELLED"])


def _headers(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", "-"), value) for name, value in headers.items())


async def _call(rig: Rig, method: str, request: bytes) -> None:
    raw: Any = rig.channel.unary_unary(method)
    await raw(request)


async def _result_of(call: Any) -> None:
    try:
        await call
    except asyncio.CancelledError:
        return


def _info(error: grpc.aio.AioRpcError) -> ErrorInfo:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it takes asyncio's errors as well
    assert status is not None
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "holdfastdb"
    return info
