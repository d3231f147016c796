"""What every call goes through, on a real gRPC server whose answers the tests choose."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceStub
from holdfastdb_server.domain.errors import ServerDraining
from holdfastdb_server.rpc.auth import Access
from holdfastdb_server.rpc.context import current_call, namespace
from tests.support.waiting import PATIENCE, eventually
from tests.unit.rpc.rig import GET_SESSION, Rig, error_info, raise_session_not_found


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
    rig.answers.answer = raise_session_not_found
    headers = {"x_request_id": sent} if sent else {}
    errors = [(await rig.failure(**headers))[0] for _ in range(2)]
    made = {str(dict(error.trailing_metadata() or ())["x-request-id"]) for error in errors}
    assert len(made) == 2
    assert sent not in made


async def test_an_error_of_the_domain_becomes_its_status(rig: Rig) -> None:
    rig.answers.answer = raise_session_not_found
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
    assert error_info(failure.value).reason == "MALFORMED_REQUEST"
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
    assert error_info(failure.value).reason == "SERVER_DRAINING"
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


async def _call(rig: Rig, method: str, request: bytes) -> None:
    raw: Any = rig.channel.unary_unary(method)
    await raw(request)


async def _result_of(call: Any) -> None:
    try:
        await call
    except asyncio.CancelledError:
        return
