"""Behind pgbouncer in transaction mode, where no two statements need have the same connection."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

import holdfastdb
from tests.support.clients import connected, history, take
from tests.support.databases import PostgresDatabases
from tests.support.processes import Guard, free_port
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually
from tests.support.writers import AGENTS, Writers

pytestmark = [pytest.mark.postgres, pytest.mark.needs("pgbouncer")]

Two = tuple[ServerProcess, ServerProcess]

# Fewer connections than two servers open: they must share.
_SETTINGS = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
"""


class Bouncer:
    """A pgbouncer in front of a PostgreSQL, which may be killed and started again on the same port."""

    def __init__(self, directory: Path, postgres_url: str) -> None:
        parts = urlsplit(postgres_url)
        self._postgres_url = postgres_url
        self._port = free_port()
        self._log = directory / "pgbouncer.log"
        self._settings = directory / "pgbouncer.ini"
        values = {"host": parts.hostname, "port": parts.port, "user": parts.username}
        password = parts.password or ""
        self._settings.write_text(_SETTINGS.format(**values, password=password, listen_port=self._port))
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    def through(self, postgres_url: str) -> str:
        """Return the URL of a database on that PostgreSQL, by way of the pgbouncer."""
        parts = urlsplit(postgres_url)
        return urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{self._port}"))

    async def start(self) -> None:
        """Start, and return when it leads to the PostgreSQL."""
        self._launch()

        async def leads_there() -> bool:
            try:
                connection = await asyncpg.connect(self.through(self._postgres_url), statement_cache_size=0)
            except (OSError, asyncpg.PostgresError):
                return False
            await connection.close()
            return True

        await eventually(leads_there, f"a connection through pgbouncer; {self._log.read_text()}")

    def _launch(self) -> None:
        # It refuses to run as root.
        account = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = ["pgbouncer", "-q", *account, str(self._settings)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._guard = Guard('kill -KILL "$1"', str(self._process.pid))

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None
        if self._guard is not None:
            self._guard.release()
            self._guard = None


@pytest.fixture
def bouncer(postgres_cluster: str, tmp_path: Path) -> Iterator[Bouncer]:
    """A pgbouncer in front of the tests' PostgreSQL, not started yet."""
    bouncer = Bouncer(tmp_path, postgres_cluster)
    yield bouncer
    bouncer.kill()


@pytest.fixture
async def behind(bouncer: Bouncer, postgres: PostgresDatabases, tmp_path: Path) -> AsyncIterator[Two]:
    """Two servers behind it on an empty database, which they migrate through it as they start."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(postgres.empty())
        await bouncer.start()
        environment = {"HOLDFAST_PGBOUNCER": "true", "HOLDFAST_LISTEN_URL": url}
        made = [
            ServerProcess(tmp_path, bouncer.through(url), arguments=["--migrate"], environment=environment)
            for _ in range(2)
        ]
        for server in made:
            stack.push_async_callback(server.kill)
            server.launch()
        for server in made:
            await server.until_serving()
        yield made[0], made[1]
        for server in made:
            assert await server.stop() == 0
            assert "Traceback" not in server.log, server.log


async def test_two_servers_behind_a_pooler_act_like_one(behind: Two) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server)) for server in behind]
        await clients[0].sessions.create("s")
        tails = [await stack.enter_async_context(clients[n % 2].history.tail("s")) for n in range(4)]
        async with Writers(clients, "s") as writers:
            await writers.write(300)
            await asyncio.gather(*(read_and_write(clients, agent) for agent in range(AGENTS)))
        await writers.check(clients[1])
        expected = [event.event_id for event in await history(clients[0], "s")]
        async with asyncio.timeout(PATIENCE):
            seen = await asyncio.gather(*(take(tail, len(expected)) for tail in tails))
    assert all([event.event_id for event in events] == expected for events in seen)


async def read_and_write(clients: list[holdfastdb.AsyncClient], agent: int) -> None:
    """Use every kind of statement, through both servers in turn."""
    name, (client, other) = f"of-{agent}", (clients[agent % 2], clients[(agent + 1) % 2])
    await client.sessions.create(name, user_id=f"u{agent}", labels={"a": "b"}, metadata={"agent": agent})
    for turn in range(3):
        await client.states.save_many(name, {"x": turn, "y": [turn]})
        assert (await other.states.load(name, "x")).value == turn
        await other.states.patch(name, {"z": turn}, "p") if turn else await other.states.save(name, {}, "p")
        await client.history.append(
            name, [holdfastdb.Event.message("user", "hi"), holdfastdb.Event.of("n", 1)]
        )
        assert len(await history(other, name)) == 2 * turn + 2
        listed = other.sessions.list(metadata={"agent": agent}, labels={"a": "b"}, include_total_size=True)
        assert (await listed.page()).total_size == 1
        await client.sessions.update(name, title=str(turn))
        assert (await other.sessions.get(name)).title == str(turn)
        summary = await other.history.summarize(name, ["type"])
        assert {group.count for group in summary} == {turn + 1}
    await client.sessions.fork(name, f"fork-{agent}")
    await other.history.replace(f"fork-{agent}", [holdfastdb.Event.of("n", 2)], newest=2)
    await client.sessions.activate(name)
    await other.sessions.delete(f"fork-{agent}")


async def test_a_killed_pooler_is_waited_for(behind: Two, bouncer: Bouncer) -> None:
    async with connected(behind[0]) as client, connected(behind[1]) as other:
        await client.sessions.create("s")
        async with other.history.tail("s") as tail:
            async with Writers([client, other], "s") as writers:
                await writers.write(50)
                bouncer.kill()
                for server in behind:
                    await server.until_not_serving()
                await bouncer.start()
                for server in behind:
                    await server.until_serving()
                await writers.write(50)
            await writers.check(client)
            async with asyncio.timeout(PATIENCE):
                events = await take(tail, len(writers.acknowledged))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
