"""Scripted servers for Recorders to write to."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.message import Message

from holdfastdb import Event, Recorder
from holdfastdb._transport.loop_thread import background
from holdfastdb.v1 import history_service_pb2 as pb
from tests.support.waiting import PATIENCE
from tests.unit.client.scripted import Failure, Script, each

NO_SESSION = Failure(grpc.StatusCode.NOT_FOUND, reason="SESSION_NOT_FOUND")


class Server:
    """A scripted server that keeps what is appended. `refuse` says which requests it does not take."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sessions: defaultdict[str, list[str]] = defaultdict(list)
        self.refuse: Callable[[pb.AppendEventsRequest], Failure | None] = lambda request: None
        script.on("AppendEvents", self.append)
        script.on("BatchAppendEvents", each(self.append))

    async def append(self, request: pb.AppendEventsRequest) -> Message | Failure:
        if (refusal := self.refuse(request)) is not None:
            return refusal
        self.sessions[request.session_id] += [event.type for event in request.events]
        return pb.AppendEventsResponse()


def recorder(script: Script, **options: Any) -> Recorder:
    """A recorder that leaves all retries to itself."""
    return Recorder(script.target, options=[("grpc.enable_retries", 0)], **options)


@contextmanager
def loop_blocked() -> Iterator[None]:
    """Nothing is sent within the block."""
    go_on, is_stuck = threading.Event(), threading.Event()

    async def block_the_loop() -> None:
        is_stuck.set()
        go_on.wait(PATIENCE)  # which is what it is for

    with ThreadPoolExecutor(1) as pool:
        blocked = pool.submit(background.run, block_the_loop())
        assert is_stuck.wait(PATIENCE)
        try:
            yield
        finally:
            go_on.set()
            blocked.result(PATIENCE)


def event(name: object) -> Event:
    return Event(type=str(name))


def invalid(field: str) -> Failure:
    violations = [(field, "no")]
    return Failure(grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_FIELD", violations=violations)
