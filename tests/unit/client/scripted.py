"""A real grpc.aio server on loopback whose answers are written in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from holdfastdb.v1 import approval_service_pb2_grpc as approval_grpc
from holdfastdb.v1 import document_service_pb2_grpc as document_grpc
from holdfastdb.v1 import history_service_pb2 as history_pb
from holdfastdb.v1 import history_service_pb2_grpc as history_grpc
from holdfastdb.v1 import memory_service_pb2_grpc as memory_grpc
from holdfastdb.v1 import plan_service_pb2_grpc as plan_grpc
from holdfastdb.v1 import run_service_pb2_grpc as run_grpc
from holdfastdb.v1 import session_service_pb2_grpc as session_grpc
from holdfastdb.v1 import task_service_pb2_grpc as task_grpc


@dataclass(frozen=True)
class Failure:
    """An error as Holdfast's server sends it; without a reason, a bare one."""

    code: grpc.StatusCode
    message: str = "scripted"
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Sequence[tuple[str, str]] = ()
    retry_delay: timedelta | None = None

    def status(self) -> status_pb2.Status:
        """What a batch answers to the request that fails so, and a call's trailer carries."""
        details: list[Message] = []
        if self.reason:
            details.append(
                error_details_pb2.ErrorInfo(reason=self.reason, domain="holdfastdb", metadata=self.metadata)
            )
        if self.violations:
            fields = [
                error_details_pb2.BadRequest.FieldViolation(field=name, description=text)
                for name, text in self.violations
            ]
            details.append(error_details_pb2.BadRequest(field_violations=fields))
        if self.retry_delay is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromTimedelta(self.retry_delay)
            details.append(retry)
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in details:
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def trailer(self) -> tuple[tuple[str, bytes], ...]:
        status = self.status()
        return (("grpc-status-details-bin", status.SerializeToString()),) if status.details else ()


UNAVAILABLE = Failure(grpc.StatusCode.UNAVAILABLE)
HANG = "hang"
"""A step that waits until the call is cancelled."""
Handler = Callable[[Any], Awaitable["Message | Failure"]]
Step = Message | Failure | Handler | str | Sequence[Any]


@dataclass(frozen=True)
class Call:
    """What the server received."""

    method: str
    request: Any
    headers: Mapping[str, str]
    time_remaining: float | None


class Script:
    """The answers of each method, in order (the last one stays), and the calls that came."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._steps: dict[str, list[Step]] = {}
        self.target = ""
        self.otherwise: Step | None = None
        """The answer of a method that has none of its own."""
        self.arrived = asyncio.Event()
        """Set once a call has come."""

    def on(self, method: str, *steps: Step) -> None:
        """Answer `method` so: with a message, a Failure, a function of the request, HANG, or for a stream a
        list of those."""
        self._steps[method] = list(steps)

    def requests(self, method: str) -> list[Any]:
        """What `method` was called with."""
        return [call.request for call in self.calls if call.method == method]

    async def unary(self, method: str, request: Message, context: Any) -> Message:
        return await self._answer(self._next(method, request, context), request, context)

    async def stream(self, method: str, request: Message, context: Any) -> AsyncIterator[Message]:
        step = self._next(method, request, context)
        for item in step if isinstance(step, list) else [step]:
            yield await self._answer(item, request, context)

    def _next(self, method: str, request: Message, context: Any) -> Step:
        headers = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.calls.append(Call(method, request, headers, context.time_remaining()))
        self.arrived.set()
        steps = self._steps[method] if self.otherwise is None else self._steps.get(method, [self.otherwise])
        return steps.pop(0) if len(steps) > 1 else steps[0]

    async def _answer(self, step: Step, request: Message, context: Any) -> Message:
        if callable(step):
            step = await step(request)
        if isinstance(step, Failure):
            await _abort(step, context)
        if isinstance(step, Message):
            return step
        assert step == HANG
        await asyncio.Event().wait()
        raise AssertionError("not reached")


async def _abort(failure: Failure, context: Any) -> NoReturn:
    await context.abort(failure.code, failure.message, failure.trailer())
    raise AssertionError("not reached")


def _servicer(base: type[Any], script: Script) -> Any:
    """A servicer of the generated base class whose every method follows the script."""

    def unary(name: str) -> Callable[..., Awaitable[Message]]:
        async def method(self: Any, request: Message, context: Any) -> Message:
            return await script.unary(name, request, context)

        return method

    def stream(name: str) -> Callable[..., AsyncIterator[Message]]:
        async def method(self: Any, request: Message, context: Any) -> AsyncIterator[Message]:
            async for message in script.stream(name, request, context):
                yield message

        return method

    names = [name for name in vars(base) if not name.startswith("_")]
    methods = {name: (stream if name == "TailEvents" else unary)(name) for name in names}
    return type(f"Scripted{base.__name__}", (base,), methods)()


async def start(script: Script, port: int = 0) -> grpc.aio.Server:
    """Serve the script on loopback; its target is in the script then."""
    server = grpc.aio.server()
    session_grpc.add_SessionServiceServicer_to_server(
        _servicer(session_grpc.SessionServiceServicer, script), server
    )
    history_grpc.add_HistoryServiceServicer_to_server(
        _servicer(history_grpc.HistoryServiceServicer, script), server
    )
    document_grpc.add_DocumentServiceServicer_to_server(
        _servicer(document_grpc.DocumentServiceServicer, script), server
    )
    run_grpc.add_RunServiceServicer_to_server(_servicer(run_grpc.RunServiceServicer, script), server)
    approval_grpc.add_ApprovalServiceServicer_to_server(
        _servicer(approval_grpc.ApprovalServiceServicer, script), server
    )
    task_grpc.add_TaskServiceServicer_to_server(_servicer(task_grpc.TaskServiceServicer, script), server)
    plan_grpc.add_PlanServiceServicer_to_server(_servicer(plan_grpc.PlanServiceServicer, script), server)
    memory_grpc.add_MemoryServiceServicer_to_server(
        _servicer(memory_grpc.MemoryServiceServicer, script), server
    )
    script.target = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    return server


@asynccontextmanager
async def serving() -> AsyncIterator[Script]:
    """A scripted server for as long as the block lasts."""
    script = Script()
    server = await start(script)
    try:
        yield script
    finally:
        await server.stop(None)


def each(answer: Handler) -> Handler:
    """An answer to BatchAppendEvents: what this one is to each of its requests."""

    async def answer_all(batch: history_pb.BatchAppendEventsRequest) -> Message:
        response = history_pb.BatchAppendEventsResponse()
        for request in batch.requests:
            outcome, result = await answer(request), response.results.add()
            if isinstance(outcome, Failure):
                result.error.MergeFromString(outcome.status().SerializeToString())
            else:
                result.response.MergeFrom(cast(history_pb.AppendEventsResponse, outcome))
        return response

    return answer_all


def batch(*sequences: int) -> history_pb.TailEventsResponse:
    """A tail's message with events of these sequences."""
    events = [history_pb.Event(event_id=f"e{n}", sequence=n, type="event") for n in sequences]
    return history_pb.TailEventsResponse(batch=history_pb.EventBatch(events=events))


def caught_up(last_sequence: int) -> history_pb.TailEventsResponse:
    """A tail's message that says that everything there has been sent."""
    return history_pb.TailEventsResponse(caught_up=history_pb.CaughtUp(last_sequence=last_sequence))
