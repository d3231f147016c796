"""The janitor of a server, and `holdfast janitor`, on each engine."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from holdfastdb import SessionStatus
from holdfastdb_server.storage.engines.file_lock import FileLock
from tests.support.clients import connected
from tests.support.command_line import Done
from tests.support.content import create
from tests.support.databases import PostgresDatabases, SqliteDatabases, sqlite_path, sqlite_url
from tests.support.processes import free_port
from tests.support.servers import ServerProcess
from tests.support.stores import OpenStore
from tests.support.waiting import PATIENCE, eventually

A_BLINK = "0.00000001"


async def sweep(url: str, *arguments: str) -> Done:
    """Run the command in a process of its own, for it configures the logs of all."""
    command = [sys.executable, "-m", "holdfastdb_server", "janitor", "--database-url", url, *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


async def test_a_server_clears_up_by_itself(database_url: str, tmp_path: Path) -> None:
    settings = {"HOLDFAST_JANITOR_SECONDS": "0.2", "HOLDFAST_SESSION_RETENTION_DAYS": A_BLINK}
    server = ServerProcess(tmp_path, database_url, environment=settings)
    try:
        await server.start()
        async with connected(server) as client:
            session = await client.sessions.create()

            async def has_expired() -> bool:
                return (await client.sessions.get(session.session_id)).status is SessionStatus.EXPIRED

            await eventually(has_expired)
            events = [event.type async for event in client.history.list(session.session_id)]
            assert events == ["holdfast.session.expired"]
        await eventually(lambda: '"sessions_expired": 1' in server.log)
        assert await server.stop() == 0
    finally:
        await server.kill()


async def test_a_run_on_demand_tells_how_many(
    open_store: OpenStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    for name in ("one", "two", "three"):
        await create(store, name)
    await create(store, "never", retention="never")
    await store.close()
    done = await sweep(database_url)
    assert (done.code, done.out) == (0, "nothing to expire or delete\n")
    monkeypatch.setenv("HOLDFAST_SESSION_RETENTION_DAYS", A_BLINK)
    done = await sweep(database_url)
    assert (done.code, done.out.split()) == (0, ["3", "sessions", "expired"])
    done = await sweep(database_url, "--json")
    assert set(json.loads(done.out).values()) == {0}


async def test_on_postgres_it_runs_beside_servers(
    two_servers: tuple[ServerProcess, ServerProcess], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(two_servers[0]) as client:
        session = await client.sessions.create()
        async with client.history.tail(session.session_id) as tail:
            monkeypatch.setenv("HOLDFAST_SESSION_RETENTION_DAYS", A_BLINK)
            done = await sweep(postgres_url, "--json")
            assert json.loads(done.out)["sessions_expired"] == 1
            event = await asyncio.wait_for(anext(tail), PATIENCE)
            assert event.type == "holdfast.session.expired"


async def test_a_sqlite_file_that_a_server_has_is_refused(sqlite: SqliteDatabases) -> None:
    async with sqlite.fresh() as url:
        lock = FileLock(str(sqlite_path(url)))
        lock.acquire()
        done = await sweep(url)
        lock.release()
    assert (done.code, done.out) == (1, "")
    assert "it does this itself" in done.err


async def test_no_file_is_made(tmp_path: Path) -> None:
    done = await sweep(sqlite_url(tmp_path / "some.db"))
    assert done.code == 1
    assert "there is no file" in done.err
    assert not (tmp_path / "some.db").exists()


async def test_an_unreachable_or_empty_database_is_reported(postgres: PostgresDatabases) -> None:
    done = await sweep(f"postgresql://someone:secret@127.0.0.1:{free_port()}/x")
    assert done.code == 1
    assert "cannot be reached" in done.err
    assert "secret" not in done.err
    async with postgres.empty() as url:
        done = await sweep(url)
        assert done.code == 1
        assert "run 'holdfast migrate'" in done.err
