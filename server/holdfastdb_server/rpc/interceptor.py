"""What is done for every call: request id, namespace, token, metrics, and the status of an error."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from time import perf_counter
from typing import Any, NoReturn, Protocol, TypeAlias, cast

import grpc

from holdfastdb_server.domain.ids import check_id
from holdfastdb_server.rpc.auth import Access
from holdfastdb_server.rpc.context import DEFAULT_NAMESPACE, Call, Context, current_call
from holdfastdb_server.rpc.draining import Draining
from holdfastdb_server.rpc.errors import DETAILS_HEADER, Failure, write_failure

NAMESPACE_HEADER = "holdfast-namespace"
REQUEST_ID_HEADER = "x-request-id"

logger = logging.getLogger("holdfast.rpc")

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_REQUEST_ID = re.compile(r"[!-~]{1,128}")


class MethodMeter(Protocol):
    """Records the calls of one method. Its methods must not block or raise."""

    def started(self) -> None:
        """Record the start of a call."""

    def handled(self, code: str, seconds: float) -> None:
        """Record the end of a call: its status code, such as `NOT_FOUND`, and its duration."""


class CallMeter(Protocol):
    """Records calls."""

    def method(self, kind: str, service: str, name: str) -> MethodMeter:
        """Return the meter of a method; `kind` is `unary` or `server_stream`."""


class CallInterceptor(grpc.GenericRpcHandler):
    """The methods of the services, each wrapped once. `draining` refuses calls when the server stops.

    Generated code adds services to it as to a server, and it is added to the server as a generic handler.
    grpc.aio's own interceptors are called for every call, which takes as long as all that is done here.
    """

    def __init__(self, access: Access, meter: CallMeter | None = None) -> None:
        self.draining = Draining()
        self._access = access
        self._meter = meter
        self._methods: dict[str, Handler] = {}

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Add a service. Generated code calls this."""
        for name, handler in handlers.items():
            self._methods[f"/{service}/{name}"] = self._wrap(service, name, handler)

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Do nothing: generated code calls this with handlers that it also registers by the other method."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Return the handler of the method, or None if no service here has it.

        gRPC calls this in the call's own task. The headers are read here because gRPC has decoded them
        already; it would decode them again for a handler that asks for them.
        """
        method = handler_call_details.method
        handler = self._methods.get(method)
        if handler is not None:
            current_call.set(_read_headers(method, handler_call_details.invocation_metadata))
        return handler

    def _wrap(self, service: str, name: str, handler: Handler) -> Handler:
        kind = "server_stream" if handler.response_streaming else "unary"
        meter = self._meter.method(kind, service, name) if self._meter else None
        method = _Method(handler, self._access, self.draining, meter)
        # The handler gets and returns bytes, so that errors of parsing and serializing become statuses too.
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(method.stream)
        return grpc.unary_unary_rpc_method_handler(method.unary)


class _Method:
    """A method of a service, wrapped."""

    def __init__(
        self, handler: Handler, access: Access, draining: Draining, meter: MethodMeter | None
    ) -> None:
        self._access = access
        self._draining = draining
        self._meter = meter
        self._parse = cast("Callable[[bytes], Any]", handler.request_deserializer)
        self._serialize = cast("Callable[[Any], bytes]", handler.response_serializer)
        self._unary = cast("Callable[[Any, Context], Awaitable[Any]]", handler.unary_unary)
        self._stream = cast("Callable[[Any, Context], AsyncIterator[Any]]", handler.unary_stream)

    async def unary(self, request: bytes, context: Context) -> bytes:
        """Handle a call with one response."""
        call, began = self._begin(context), perf_counter()
        try:
            self._admit(call)
            response = self._serialize(await self._unary(self._parse(request), context))
        except Exception as error:  # noqa: BLE001 - every exception becomes a status
            failure = write_failure(error, call)
        except BaseException:
            self._end(call, "CANCELLED", began)
            raise
        else:
            self._end(call, "OK", began)
            return response
        self._end(call, failure.code.name, began)
        return await _abort(context, call, failure)

    async def stream(self, request: bytes, context: Context) -> None:
        """Handle a call with streamed responses. A generator would not be closed until after the call."""
        call, began = self._begin(context), perf_counter()
        try:
            self._admit(call)
            async with aclosing(cast("Any", self._stream(self._parse(request), context))) as responses:
                async for response in responses:
                    await context.write(self._serialize(response))
        except Exception as error:  # noqa: BLE001 - every exception becomes a status
            failure = write_failure(error, call)
        except BaseException:
            self._end(call, "CANCELLED", began)
            raise
        else:
            self._end(call, "OK", began)
            return
        self._end(call, failure.code.name, began)
        await _abort(context, call, failure)

    def _begin(self, context: Context) -> Call:
        call = current_call.get()
        if call.known_request_id:
            # An id made by the server is sent with errors only: a header takes 6 % of a call's time.
            context.set_trailing_metadata(((REQUEST_ID_HEADER, call.known_request_id),))
        if self._meter:
            self._meter.started()
        return call

    def _admit(self, call: Call) -> None:
        if call.namespace != DEFAULT_NAMESPACE:
            check_id(NAMESPACE_HEADER, call.namespace)
        self._access.check(call.authorization, call.namespace)
        self._draining.check()

    def _end(self, call: Call, code: str, began: float) -> None:
        if self._meter:
            self._meter.handled(code, perf_counter() - began)
        if logger.isEnabledFor(logging.DEBUG):
            milliseconds = round((perf_counter() - began) * 1000, 3)
            extra = {"method": call.method, "code": code, "ms": milliseconds, "namespace": call.namespace}
            logger.debug("call", extra=extra)


def _read_headers(method: str, metadata: Iterable[tuple[str, str | bytes]] | None) -> Call:
    call = Call(method)
    for header, value in metadata or ():
        if header == NAMESPACE_HEADER:
            call.namespace = str(value) or call.namespace
        elif header == REQUEST_ID_HEADER and _REQUEST_ID.fullmatch(str(value)):
            call.known_request_id = str(value)
        elif header == "authorization":
            call.authorization = str(value)
    return call


async def _abort(context: Context, call: Call, failure: Failure) -> NoReturn:
    headers = ((DETAILS_HEADER, failure.details), (REQUEST_ID_HEADER, call.request_id))
    await context.abort(failure.code, failure.message, headers)
