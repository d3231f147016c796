"""System 3: the sessions that an orchestrator tracks, their life cycle and their expiry."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

import holdfastdb
from holdfastdb import Reason, SessionStatus
from holdfastdb.v1 import session_service_pb2 as session_pb
from tests.support.clients import connected, failure
from tests.support.command_line import Done
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually

MOVES = {
    SessionStatus.PENDING: {SessionStatus.ACTIVE, SessionStatus.EXPIRED},
    SessionStatus.ACTIVE: {SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.EXPIRED},
    SessionStatus.COMPLETED: set(),
    SessionStatus.FAILED: set(),
    SessionStatus.EXPIRED: set(),
}

A_BLINK = "0.00000001"


async def move(client: holdfastdb.AsyncClient, session_id: str, status: SessionStatus) -> None:
    """Bring a new session to a status."""
    if status in (SessionStatus.ACTIVE, SessionStatus.COMPLETED, SessionStatus.FAILED):
        await client.sessions.activate(session_id)
    if status not in (SessionStatus.PENDING, SessionStatus.ACTIVE):
        await client.sessions.transition(session_id, status)


async def test_a_session_has_a_role_a_task_and_metadata_and_is_pending_at_first(
    client: holdfastdb.AsyncClient,
) -> None:
    """Sessions: agent role, optional task id, free metadata; always `pending` at first; create, get ..."""
    made = await client.sessions.create(
        "s", agent_id="planner", task_id="t-1", metadata={"customer": {"id": 7}}
    )
    plain = await client.sessions.create(agent_id="coder")
    session = await client.sessions.get("s")
    assert session == made
    assert (session.agent_id, session.task_id, session.status) == ("planner", "t-1", SessionStatus.PENDING)
    assert session.metadata == {"customer": {"id": 7}}
    assert (await client.sessions.get(plain.session_id)).task_id == ""


async def test_a_session_is_updated(client: holdfastdb.AsyncClient) -> None:
    """... update (status, metadata, task) ..."""
    await client.sessions.create("s", agent_id="planner", metadata={"a": 1})
    await client.sessions.update("s", metadata={"b": 2}, task_id="t-2")
    session = await client.sessions.transition("s", SessionStatus.ACTIVE)
    assert (session.metadata, session.task_id, session.status) == (
        {"a": 1, "b": 2},
        "t-2",
        SessionStatus.ACTIVE,
    )
    assert session.version == 3


async def test_sessions_are_listed_in_pages(client: holdfastdb.AsyncClient) -> None:
    """... list with pages (20 by default, 100 at most, with the total) ..."""
    await asyncio.gather(*(client.sessions.create(f"s{number}") for number in range(105)))
    first = await client.sessions.list(include_total_size=True).page()
    assert (len(first.items), first.total_size) == (20, 105)
    assert len((await client.sessions.list(page_size=1_000).page()).items) == 100
    everything = [session.session_id async for session in client.sessions.list(page_size=7)]
    assert sorted(everything) == sorted(f"s{number}" for number in range(105))
    with pytest.raises(holdfastdb.InvalidArgument):
        await client.sessions.list(page_size=-1).page()


async def test_only_the_active_sessions_are_listed(client: holdfastdb.AsyncClient) -> None:
    """... list only the active ones."""
    for status in MOVES:
        await client.sessions.create(status.value)
        await move(client, status.value, status)
    active = [session.session_id async for session in client.sessions.list(statuses=[SessionStatus.ACTIVE])]
    assert active == ["active"]


@pytest.mark.parametrize("source", MOVES)
async def test_every_move_that_the_life_cycle_has_not_is_refused(
    source: SessionStatus, client: holdfastdb.AsyncClient
) -> None:
    """Life cycle: pending to active or expired; active to completed, failed or expired; the three ends are
    final. All other moves, and self-moves, are refused (all of them tested, pair by pair)."""
    for target in MOVES:
        name = f"{source}-{target}"
        await client.sessions.create(name)
        await move(client, name, source)
        if target in MOVES[source]:
            assert (await client.sessions.transition(name, target)).status is target
            continue
        before = await client.sessions.get(name)
        with pytest.raises(holdfastdb.FailedPrecondition) as caught:
            await client.sessions.transition(name, target)
        assert caught.value.reason == Reason.TRANSITION_NOT_ALLOWED
        assert (caught.value.metadata["from"], caught.value.metadata["to"]) == (source.name, target.name)
        assert await client.sessions.get(name) == before


async def test_sessions_older_than_the_retention_are_expired_by_themselves(
    database_url: str, tmp_path: Path
) -> None:
    """Expiry: sessions older than the retention (7 days, `HOLDFAST_SESSION_RETENTION_DAYS`) are expired by
    themselves ..."""
    settings = {"HOLDFAST_SESSION_RETENTION_DAYS": A_BLINK, "HOLDFAST_JANITOR_SECONDS": "0.1"}
    server = ServerProcess(tmp_path, database_url, environment=settings)
    try:
        await server.start()
        async with connected(server) as client:
            await client.sessions.create("old")
            await client.sessions.create("precious", retention="never")

            async def has_expired() -> bool:
                return (await client.sessions.get("old")).status is SessionStatus.EXPIRED

            await eventually(has_expired)
            assert (await client.sessions.get("precious")).status is SessionStatus.PENDING
            assert [event.type async for event in client.history.list("old")] == ["holdfast.session.expired"]
    finally:
        await server.kill()


async def test_a_session_expires_after_7_days_unless_told_otherwise(client: holdfastdb.AsyncClient) -> None:
    """... (7 days ...)"""
    usual = await client.sessions.create()
    brief = await client.sessions.create(retention=timedelta(hours=1))
    assert usual.expire_time == usual.last_activity_time + timedelta(days=7)
    assert brief.expire_time == brief.last_activity_time + timedelta(hours=1)


async def test_a_run_of_the_expiry_on_demand_tells_how_many(server: ServerProcess, database_url: str) -> None:
    """... a run on demand tells how many."""
    async with connected(server) as client:
        for number in range(3):
            await client.sessions.create(f"s{number}")
    if database_url.startswith("sqlite"):
        await server.stop()  # A file has one process at a time.
    done = await command(
        "janitor", "--json", HOLDFAST_DATABASE_URL=database_url, HOLDFAST_SESSION_RETENTION_DAYS=A_BLINK
    )
    assert done.code == 0, done.err
    assert json.loads(done.out)["sessions_expired"] == 3


async def command(*arguments: str, **settings: str) -> Done:
    """Run `holdfast` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "holdfastdb_server", *arguments),
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


async def test_unknown_ids_and_bad_statuses_are_told_apart(client: holdfastdb.AsyncClient) -> None:
    """An unknown id is NOT_FOUND, a bad status INVALID_ARGUMENT."""
    calls = (client.sessions.get, client.tasks.get, client.runs.get, client.approvals.get, client.plans.get)
    for call in calls:
        with pytest.raises(holdfastdb.NotFound):
            await call("no-such-id")
    await client.sessions.create("s")
    with pytest.raises(holdfastdb.InvalidArgument):
        await client.sessions.transition("s", "no-such-status")  # type: ignore[arg-type]
    # And the server says the same to those who send a number.
    for number in (0, 99):
        request = session_pb.TransitionSessionRequest(session_id="s", status=number)  # type: ignore[arg-type]
        sent = client.stubs.sessions.TransitionSession(
            request, metadata=client.call_metadata(), timeout=PATIENCE
        )
        error = await failure(sent)
        assert isinstance(error, holdfastdb.InvalidArgument)
        assert [violation.field for violation in error.field_violations] == ["status"]


async def test_metadata_updates_merge(client: holdfastdb.AsyncClient) -> None:
    """Metadata updates merge."""
    await client.sessions.create("s", metadata={"a": {"b": 1, "c": 2}, "d": 3})
    session = await client.sessions.update("s", metadata={"a": {"b": None, "e": [4]}, "d": "x"})
    assert session.metadata == {"a": {"c": 2, "e": [4]}, "d": "x"}


async def test_concurrent_updates_of_one_session_never_lose_one_another(
    client: holdfastdb.AsyncClient,
) -> None:
    """Concurrent updates of one session never lose one another: optimistic locking."""
    await client.sessions.create("s", metadata={"counter": 0})

    async def count() -> None:
        while True:
            session = await client.sessions.get("s")
            counted = {"counter": session.metadata["counter"] + 1}
            try:
                await client.sessions.update("s", metadata=counted, expected_version=session.version)
            except holdfastdb.VersionMismatch:
                continue
            return

    async def mark() -> None:
        await client.sessions.update("s", metadata={f"mark-{uuid4()}": True})

    await asyncio.gather(*(count() for _ in range(12)), *(mark() for _ in range(12)))
    session = await client.sessions.get("s")
    assert session.metadata["counter"] == 12
    assert len(session.metadata) == 12 + 1
    assert session.version == 24 + 1
