"""Claims: tasks that are leased to a worker, one or one after another."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta

import grpc

from holdfastdb._arguments import require, require_optional_seconds, require_texts
from holdfastdb._convert.messages import build, to_labels
from holdfastdb._convert.tasks import from_task
from holdfastdb._convert.times import to_duration, to_wait
from holdfastdb._ids import id_or_new, new_id
from holdfastdb._resources.leases import AsyncLease
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.retries import backoff
from holdfastdb.errors import HoldfastError
from holdfastdb.v1 import task_service_pb2 as pb

_LEASE = timedelta(seconds=60)
# Seconds that one call waits; a longer wait takes several calls, because proxies end idle calls.
_ROUND = 60.0
# Errors after which a worker tries again. A server that stops cancels the calls that it has not begun.
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


class AsyncClaims:
    """The part of `client.tasks` that is for workers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(
        self,
        *,
        kinds: Iterable[str] = (),
        role: str = "",
        labels: Mapping[str, str] | None = None,
        session_id: str = "",
        task_id: str = "",
        worker_id: str | None = None,
        lease_duration: timedelta = _LEASE,
        wait: float = 0.0,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> AsyncLease | None:
        """Lease the task of the greatest priority, the oldest among equals, and move it to RUNNING.

            lease = await client.tasks.claim(kinds=["review"], wait=30)
            if lease is not None:
                async with lease:
                    await lease.succeed(await review(lease.task.value))

        No task is ever leased to two at a time. None: there is none, also after waiting so many seconds,
        at most 300, which are added to the `timeout`. All that is given must hold: any of the `kinds`, to
        this `role` or to any, with these `labels`, of this session. `task_id` asks for one task, and raises
        NotFound if it does not exist. `worker_id` says who claims, by default `host:process`. `work` claims
        one task after another.
        """
        require(lease_duration, timedelta, "lease_duration", "a timedelta")
        if worker_id is None:
            worker_id = f"{socket.gethostname()}:{os.getpid()}"[-255:]
        request = build(
            "",
            pb.ClaimTaskRequest,
            worker_id=worker_id,
            kinds=require_texts(kinds, "kinds"),
            role=role,
            labels=to_labels(labels),
            session_id=session_id,
            task_id=task_id,
            lease_duration=to_duration(lease_duration, "lease_duration"),
            wait=to_wait(wait, "wait"),
            request_id=id_or_new(request_id),
        )
        limit = self._connection.seconds(timeout) + wait
        answer = await self._connection.call(self._connection.stubs.tasks.ClaimTask, request, limit)
        if not answer.HasField("task"):
            return None
        now = asyncio.get_running_loop().time()
        return AsyncLease(self._connection, from_task(answer.task), answer.lease_token, lease_duration, now)

    async def work(
        self,
        *,
        kinds: Iterable[str] = (),
        role: str = "",
        labels: Mapping[str, str] | None = None,
        session_id: str = "",
        worker_id: str | None = None,
        lease_duration: timedelta = _LEASE,
        give_up_after: float | None = None,
    ) -> AsyncIterator[AsyncLease]:
        """Claim one task after another, without end, and wait while there is none:

            async for lease in client.tasks.work(kinds=["review"], role="coder"):
                async with lease:
                    await lease.succeed(await review(lease.task.value))

        An error of the block ends the loop, unless it is caught around `async with`; the task is given back
        either way. Run several such loops to work on several tasks at a time. The conditions are those of
        `claim`.

        While the server is unavailable or overloaded, the claim is repeated with backoff: for `give_up_after`
        seconds, by default without end, but until the first response for the client's `timeout`. Then the
        error is raised.
        """
        require_optional_seconds(give_up_after, "give_up_after")
        loop = asyncio.get_running_loop()
        limit = self._connection.timeout if give_up_after is None else give_up_after
        failures, lost_at, request_id = 0, loop.time(), new_id()
        kinds = require_texts(kinds, "kinds")
        while True:
            try:
                # With the same request id after a lost response: a task may be leased already.
                lease = await self.claim(
                    kinds=kinds,
                    role=role,
                    labels=labels,
                    session_id=session_id,
                    worker_id=worker_id,
                    lease_duration=lease_duration,
                    wait=_ROUND,
                    request_id=request_id,
                )
            except HoldfastError as error:
                delay = backoff(failures, error)
                lost_at = loop.time() if failures == 0 else lost_at
                if error.code not in _PASSING or loop.time() + delay > lost_at + limit:
                    raise
                failures += 1
                await asyncio.sleep(delay)
                continue
            failures, request_id = 0, new_id()
            limit = math.inf if give_up_after is None else give_up_after
            if lease is not None:
                yield lease
