"""The connection: the gRPC channel with its options, and what every call has in common."""

from __future__ import annotations

import asyncio
import json
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import grpc

from holdfastdb._arguments import (
    of_wrong_type,
    refused,
    require,
    require_list,
    require_optional_seconds,
    require_seconds,
)
from holdfastdb._ids import new_id
from holdfastdb._transport.rpc_errors import from_rpc_error
from holdfastdb.errors import HoldfastError
from holdfastdb.v1.approval_service_pb2_grpc import ApprovalServiceStub
from holdfastdb.v1.document_service_pb2_grpc import DocumentServiceStub
from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceStub
from holdfastdb.v1.memory_service_pb2_grpc import MemoryServiceStub
from holdfastdb.v1.plan_service_pb2_grpc import PlanServiceStub
from holdfastdb.v1.run_service_pb2_grpc import RunServiceStub
from holdfastdb.v1.session_service_pb2_grpc import SessionServiceStub
from holdfastdb.v1.task_service_pb2_grpc import TaskServiceStub

if TYPE_CHECKING:
    from holdfastdb.v1.approval_service_pb2_grpc import ApprovalServiceAsyncStub
    from holdfastdb.v1.document_service_pb2_grpc import DocumentServiceAsyncStub
    from holdfastdb.v1.history_service_pb2_grpc import HistoryServiceAsyncStub
    from holdfastdb.v1.memory_service_pb2_grpc import MemoryServiceAsyncStub
    from holdfastdb.v1.plan_service_pb2_grpc import PlanServiceAsyncStub
    from holdfastdb.v1.run_service_pb2_grpc import RunServiceAsyncStub
    from holdfastdb.v1.session_service_pb2_grpc import SessionServiceAsyncStub
    from holdfastdb.v1.task_service_pb2_grpc import TaskServiceAsyncStub

Request = TypeVar("Request")
Response = TypeVar("Response")

DEFAULT_TARGET = "127.0.0.1:7420"
ChannelOptions = Sequence[tuple[str, str | int]]

# Writes carry ids that make a repetition harmless, so every unary method may be retried. A tail is not: it
# reconnects by itself, from where it was.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                # CANCELLED: a server that stops cancels the calls that it has not begun.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        },
        {"name": [{"service": "holdfastdb.v1.HistoryService", "method": "TailEvents"}]},
    ]
}

DEFAULT_OPTIONS: Mapping[str, str | int] = {
    # Up to 5 attempts of a unary call, waiting about 0.1, 0.2, 0.4 and 0.8 s between them.
    "grpc.service_config": json.dumps(_SERVICE_CONFIG),
    "grpc.enable_retries": 1,
    # A page ends at about 3 MiB, but one payload of 3 MiB may come last; gRPC's own limit is 4 MiB.
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    "grpc.max_send_message_length": 16 * 1024 * 1024,
    # A dead connection under an idle tail is detected within 40 s.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.max_pings_without_data": 0,
    # After a restart of the server the client reconnects within 1 s instead of gRPC's 1 to 120 s, so that
    # the retries of one call include at least one connection attempt.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
}


_process: int | None = None


def refuse_after_fork() -> None:
    """Raise RuntimeError in a process that was forked after Holdfast was used in its parent.

    gRPC's threads do not survive a fork: without this, the child's first call would never return.
    """
    global _process  # noqa: PLW0603 -- the state is the process's
    if _process is None:
        _process = os.getpid()
    elif _process != os.getpid():
        raise RuntimeError(
            "gRPC cannot be used after a fork from a process that has used it: "
            'connect only after the fork, or start workers by "spawn"'
        )


# A longer time limit is none; gRPC counts the nanoseconds to it in 64 bits.
_NO_LIMIT = 1e9


class Stubs:
    """The generated stubs, for whatever the client does not wrap:

        await client.stubs.sessions.GetSession(request, metadata=client.call_metadata(), timeout=5)

    They raise gRPC's own errors.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        # At run time one stub class serves both; the Async names exist for type checkers only.
        self.sessions = cast("SessionServiceAsyncStub", SessionServiceStub(channel))
        self.history = cast("HistoryServiceAsyncStub", HistoryServiceStub(channel))
        self.runs = cast("RunServiceAsyncStub", RunServiceStub(channel))
        self.approvals = cast("ApprovalServiceAsyncStub", ApprovalServiceStub(channel))
        self.plans = cast("PlanServiceAsyncStub", PlanServiceStub(channel))
        self.memories = cast("MemoryServiceAsyncStub", MemoryServiceStub(channel))
        self.tasks = cast("TaskServiceAsyncStub", TaskServiceStub(channel))
        self.documents = cast("DocumentServiceAsyncStub", DocumentServiceStub(channel))


class Stream(Protocol):
    """A streaming call that reconnects by itself, so that it has to be told when the client closes."""

    async def close(self) -> None: ...


class Connection:
    """One channel, opened on first use in the event loop that uses it."""

    def __init__(
        self,
        target: str | None,
        *,
        namespace: str,
        token: str | None,
        tls: bool | grpc.ChannelCredentials,
        timeout: float,
        options: ChannelOptions,
    ) -> None:
        if target is not None:
            require(target, str, "target", "a text")
        if not isinstance(tls, bool | grpc.ChannelCredentials):
            raise of_wrong_type("tls", "True, False or grpc.ssl_channel_credentials(...)", tls)
        self.target = target or os.environ.get("HOLDFAST_TARGET") or DEFAULT_TARGET
        self.timeout = require_seconds(timeout, "timeout")
        self.metadata: tuple[tuple[str, str], ...] = (
            ("holdfast-namespace", _header(namespace, "namespace")),
        )
        if token is not None:
            self.metadata += (("authorization", f"Bearer {_header(token, 'token')}"),)
        self.closed = False
        self.streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._tls = tls
        self._options = list({**DEFAULT_OPTIONS, **_options(options)}.items())
        self._channel: grpc.aio.Channel | None = None
        self._stubs: Stubs | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def channel(self) -> grpc.aio.Channel:
        """The open channel. Raises RuntimeError after the close, and in another event loop than the first."""
        if self.closed:
            raise RuntimeError("this Holdfast client is closed")
        refuse_after_fork()
        loop = asyncio.get_running_loop()
        if self._channel is None:
            self._loop = loop
            self._channel = self._open()
        elif self._loop is not loop:
            raise RuntimeError("a Holdfast client belongs to the event loop that first used it")
        return self._channel

    @property
    def stubs(self) -> Stubs:
        """The stubs on the channel."""
        channel = self.channel
        if self._stubs is None:
            self._stubs = Stubs(channel)
        return self._stubs

    async def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout: float | None,
        call_id: str = "",
    ) -> Response:
        """Call a unary method, with a new id for the call if it has none. Raises HoldfastError."""
        call_id, metadata = self.call_metadata(call_id)
        limit = self.seconds(timeout)
        try:
            return await method(request, timeout=limit if limit < _NO_LIMIT else None, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, call_id) from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self.closed and task is not None and not task.cancelling():
                # The close cancelled the call; the task that waits for it was not cancelled.
                message = "the client was closed during the call"
                raise HoldfastError(message, code=grpc.StatusCode.CANCELLED, call_id=call_id) from None
            raise

    def seconds(self, timeout: float | None) -> float:
        """The time limit of a call in seconds: the caller's `timeout`, or by default the client's."""
        return self.timeout if timeout is None else require_seconds(timeout, "timeout")

    def call_metadata(self, call_id: str = "") -> tuple[str, tuple[tuple[str, str], ...]]:
        """The call's `x-request-id`, a new one by default, and all its headers."""
        call_id = call_id or new_id()
        return call_id, (*self.metadata, ("x-request-id", call_id))

    async def close(self, grace: float | None) -> None:
        """Close the channel; calls under way are given `grace` seconds."""
        require_optional_seconds(grace, "grace")
        self.closed = True
        for stream in list(self.streams):
            await stream.close()
        channel, self._channel, self._stubs = self._channel, None, None
        if channel is not None:
            await channel.close(grace)

    def _open(self) -> grpc.aio.Channel:
        if self._tls is False:
            return grpc.aio.insecure_channel(self.target, options=self._options)
        credentials = grpc.ssl_channel_credentials() if self._tls is True else self._tls
        return grpc.aio.secure_channel(self.target, credentials, options=self._options)


def _options(options: ChannelOptions) -> dict[str, str | int]:
    for index, option in enumerate(listed := require_list(options, "options")):
        match option:
            case (str(), str() | int()):
                continue
            case _:
                raise of_wrong_type(f"options[{index}]", "a name and a text or an integer", option)
    return dict(listed)


def _header(value: str, field: str) -> str:
    if not require(value, str, field, "a text") or not value.isascii() or not value.isprintable():
        raise refused(field, "a header carries 1 or more printable ASCII characters")
    return value
