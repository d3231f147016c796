"""The client: one connection, and one object for each noun."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import grpc

from holdfastdb._resources.approvals import AsyncApprovals
from holdfastdb._resources.documents import AsyncDocuments
from holdfastdb._resources.history import AsyncHistory
from holdfastdb._resources.memories import AsyncMemories
from holdfastdb._resources.plans import AsyncPlans
from holdfastdb._resources.runs import AsyncRuns
from holdfastdb._resources.sessions import AsyncSessions
from holdfastdb._resources.states import AsyncStates
from holdfastdb._resources.tasks import AsyncTasks
from holdfastdb._transport.channel import ChannelOptions, Connection, Stubs


class AsyncClient:
    """A client of one namespace of a Holdfast server. `connect` makes it.

    It belongs to one event loop. Any number of tasks may use it at the same time; one is enough for a
    process.
    """

    sessions: AsyncSessions
    """Sessions and their life cycle."""
    states: AsyncStates
    """The versioned state of sessions."""
    history: AsyncHistory
    """The events of sessions."""
    tasks: AsyncTasks
    """Work to do, leased to one worker at a time."""
    runs: AsyncRuns
    """Runs of agents, and statistics of them."""
    approvals: AsyncApprovals
    """Decisions of a person or an agent."""
    plans: AsyncPlans
    """To-do lists."""
    memories: AsyncMemories
    """Lessons for later sessions, and the search for them."""
    documents: AsyncDocuments
    """Named, versioned documents in collections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.sessions = AsyncSessions(connection)
        self.states = AsyncStates(connection)
        self.history = AsyncHistory(connection)
        self.tasks = AsyncTasks(connection)
        self.runs = AsyncRuns(connection)
        self.approvals = AsyncApprovals(connection)
        self.plans = AsyncPlans(connection)
        self.memories = AsyncMemories(connection)
        self.documents = AsyncDocuments(connection)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The gRPC channel, opened when first asked for; needs a running event loop."""
        return self._connection.channel

    @property
    def stubs(self) -> Stubs:
        """The generated stubs on the channel, for raw calls."""
        return self._connection.stubs

    def call_metadata(self) -> tuple[tuple[str, str], ...]:
        """The headers that a raw call needs: namespace, token and a new request id."""
        return self._connection.call_metadata()[1]

    async def close(self, grace: float | None = None) -> None:
        """Close the connection. Calls and tails under way are given `grace` seconds, by default none.

        Leaving `async with` does it too.
        """
        await self._connection.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def connect(
    target: str | None = None,
    *,
    namespace: str = "default",
    token: str | None = None,
    tls: bool | grpc.ChannelCredentials = False,
    timeout: float = 10.0,
    options: ChannelOptions = (),
) -> AsyncClient:
    """A client of the server at `target`:

        async with holdfastdb.connect() as client:
            session = await client.sessions.create(user_id="u-1")
            await client.states.save(session.session_id, {"step": 1})

    The connection is opened by the first call, so this neither waits nor fails.

    `target`: `host:port`, or any gRPC target; by default the environment's HOLDFAST_TARGET, or
    127.0.0.1:7420. `namespace`: the tenant; nothing is visible from another one. `token`: the bearer token,
    where the server asks for one. Use it with TLS. `tls`: True for the system's certificate authorities, or
    `grpc.ssl_channel_credentials(...)`. `timeout`: the deadline of each call in seconds, retries included;
    each method takes its own `timeout` too, and `math.inf` is none. `options`: gRPC channel options, over the
    client's defaults (4 retries of a call within a few seconds, messages up to 16 MiB, keepalive every 30 s).
    """
    return AsyncClient(
        Connection(target, namespace=namespace, token=token, tls=tls, timeout=timeout, options=options)
    )
