"""The references: servers that do less, each in a process of its own.

`python -m tests.benchmarks.references bare PORT`: answers each message at once and does nothing.
`python -m tests.benchmarks.references per_request PORT URL`: commits each append by itself, with
SQLAlchemy, as a service without group commit does.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import grpc
import sqlalchemy as sa
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import create_async_engine

from holdfastdb.v1 import history_service_pb2 as history
from holdfastdb.v1 import session_service_pb2 as sessions
from holdfastdb_server.storage.engines.opening import parse_url

SESSION = sa.Table(
    "bench_sessions", sa.MetaData(), sa.Column("id", sa.Text), sa.Column("last", sa.BigInteger)
)
EVENT = sa.Table(
    "bench_events",
    SESSION.metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)


class BareHistory:
    """Answers what our server would, and does nothing."""

    def __init__(self) -> None:
        self._time = Timestamp()
        self._time.GetCurrentTime()

    async def AppendEvents(self, request: Any, context: Any) -> history.AppendEventsResponse:
        receipts = [
            history.EventReceipt(
                event_id="019ab000-0000-7000-8000-000000000000", sequence=1, create_time=self._time
            )
            for _ in request.events
        ]
        return history.AppendEventsResponse(receipts=receipts, last_sequence=1)

    async def BatchAppendEvents(self, request: Any, context: Any) -> history.BatchAppendEventsResponse:
        results = [
            history.AppendEventsResult(response=await self.AppendEvents(one, context))
            for one in request.requests
        ]
        return history.BatchAppendEventsResponse(results=results)


class BareSessions:
    """Answers what it was started with."""

    def __init__(self) -> None:
        self._session = sessions.GetSessionResponse()
        self._session.session.session_id = "bench-0"
        self._session.session.status = sessions.SESSION_STATUS_PENDING
        self._session.session.create_time.GetCurrentTime()
        self._state = sessions.LoadStateResponse()
        self._state.state.payload.json = '"' + "x" * 1_000 + '"'
        self._saved = sessions.SaveStateResponse()
        self._saved.states.add(key="k", version=1).create_time.GetCurrentTime()

    async def CreateSession(self, request: Any, context: Any) -> sessions.CreateSessionResponse:
        return sessions.CreateSessionResponse(session=self._session.session)

    async def GetSession(self, request: Any, context: Any) -> sessions.GetSessionResponse:
        return self._session

    async def LoadState(self, request: Any, context: Any) -> sessions.LoadStateResponse:
        return self._state

    async def SaveState(self, request: Any, context: Any) -> sessions.SaveStateResponse:
        return self._saved


class PerRequest:
    """Commits each append by itself."""

    def __init__(self, url: str) -> None:
        self._engine = create_async_engine(parse_url(url), pool_size=20)

    async def prepare(self) -> None:
        """Make the tables and one session."""
        async with self._engine.begin() as connection:
            await connection.run_sync(SESSION.metadata.create_all)
            await connection.execute(SESSION.insert().values(id="bench-0", last=0))

    async def AppendEvents(self, request: Any, context: Any) -> history.AppendEventsResponse:
        async with self._engine.begin() as connection:
            update = SESSION.update().where(SESSION.c.id == request.session_id)
            taken = update.values(last=SESSION.c.last + len(request.events)).returning(SESSION.c.last)
            last = (await connection.execute(taken)).scalar_one()
            rows = [
                {
                    "session_id": request.session_id,
                    "sequence": last - place,
                    "body": event.payload.json,
                    "create_time": datetime.now(UTC),
                }
                for place, event in enumerate(request.events)
            ]
            await connection.execute(EVENT.insert(), rows)
        return history.AppendEventsResponse(last_sequence=last)


async def serve(kind: str, port: str, url: str = "") -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    if kind == "bare":
        _add(server, "HistoryService", BareHistory(), history)
        _add(server, "SessionService", BareSessions(), sessions)
    else:
        service = PerRequest(url)
        await service.prepare()
        _add(server, "HistoryService", service, history)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def _add(server: grpc.aio.Server, name: str, service: object, messages: Any) -> None:
    """Register the methods that a service has, as the generated code registers all."""
    descriptor = messages.DESCRIPTOR.services_by_name[name]
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(
            getattr(service, method.name),
            getattr(messages, method.input_type.name).FromString,
            getattr(messages, method.output_type.name).SerializeToString,
        )
        for method in descriptor.methods
        if hasattr(service, method.name)
    }
    server.add_registered_method_handlers(descriptor.full_name, handlers)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(descriptor.full_name, handlers),))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
