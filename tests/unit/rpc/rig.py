"""A gRPC server on loopback behind the interceptor, whose answers the test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1.session_service_pb2_grpc import SessionServiceStub
from holdfastdb_server.domain.errors import SessionNotFound
from holdfastdb_server.rpc.auth import Access
from holdfastdb_server.rpc.interceptor import CallInterceptor
from tests.support.waiting import PATIENCE

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


async def raise_session_not_found() -> str:
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
        return failure.value, error_info(failure.value)


def _headers(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", "-"), value) for name, value in headers.items())


def error_info(error: grpc.aio.AioRpcError) -> ErrorInfo:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it takes asyncio's errors as well
    assert status is not None
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "holdfastdb"
    return info
