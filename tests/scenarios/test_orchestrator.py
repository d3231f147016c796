"""System 3: an orchestrator routes tasks between agents in roles, asks for approvals, and keeps an audit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import holdfastdb
from holdfastdb import Reason, TaskStatus
from holdfastdb_server.storage.engines import migrations
from tests.scenarios.orchestrator import Orchestrator, pending
from tests.support.clients import connected
from tests.support.postgres import PostgresCluster
from tests.support.servers import ServerProcess
from tests.support.waiting import eventually


@pytest.fixture
def orchestrator(client: holdfastdb.AsyncClient) -> Orchestrator:
    return Orchestrator(client)


async def test_an_assignment_goes_on_after_a_restart_while_an_approval_is_awaited(
    orchestrator: Orchestrator, client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """The whole story: tasks between roles, an approval, a restart while it is awaited, and the audit."""
    await orchestrator.begin("planner", metadata={"customer": "acme"})
    await orchestrator.delegate("build", "planner", "coder", {"feature": 7})
    await orchestrator.delegate("deploy", "planner", "operator", {"feature": 7})
    built = await orchestrator.do("coder")
    assert built is not None
    assert built.status is TaskStatus.SUCCEEDED
    deployment = asyncio.create_task(orchestrator.do("operator"))

    async def is_asked() -> bool:
        return bool(await pending(client))

    await eventually(is_asked)
    await shared_server.restart()
    (question,) = await pending(client)
    await client.approvals.approve(question.approval_id, "ada", reason="looks good")
    deployed = await deployment
    assert deployed is not None
    assert deployed.status is TaskStatus.SUCCEEDED
    await client.sessions.complete("assignment")
    told = [event.type async for event in client.history.list("assignment", page_size=1_000)]
    assert told[0] == "holdfast.session.active"
    assert told[-1] == "holdfast.session.completed"
    assert told.count("holdfast.task.succeeded") == 2
    assert told.count("holdfast.approval.approved") == 1


async def test_a_task_goes_from_role_to_role(
    orchestrator: Orchestrator, client: holdfastdb.AsyncClient
) -> None:
    """Tasks between agents: type, from role, to role, payload, status, trace id ..."""
    await orchestrator.begin()
    sent = await orchestrator.delegate("build", "planner", "coder", {"feature": 7}, key="build-7")
    task = await client.tasks.get(sent.task_id)
    assert (task.kind, task.from_role, task.to_role, task.value) == (
        "build",
        "planner",
        "coder",
        {"feature": 7},
    )
    assert (task.status, task.trace_id, task.idempotency_key) == (TaskStatus.PENDING, "trace-1", "build-7")
    assert await orchestrator.do("tester") is None
    done = await orchestrator.do("coder")
    assert done is not None
    assert (done.task_id, done.status, done.worker_id) == (sent.task_id, TaskStatus.SUCCEEDED, "coder")


async def test_an_idempotency_key_is_unique(
    orchestrator: Orchestrator, client: holdfastdb.AsyncClient
) -> None:
    """... unique idempotency key; the task list of a session never shows the same work twice."""
    await orchestrator.begin()
    sent = await asyncio.gather(
        *(
            orchestrator.delegate("build", "planner", "coder", {"feature": 7}, key="build-7")
            for _ in range(16)
        )
    )
    assert len({task.task_id for task in sent}) == 1
    await orchestrator.do("coder")
    again = await orchestrator.delegate("build", "planner", "coder", {"feature": 7}, key="build-7")
    assert again.status is TaskStatus.SUCCEEDED
    with pytest.raises(holdfastdb.AlreadyExists) as caught:
        await orchestrator.delegate("build", "planner", "coder", {"feature": 8}, key="build-7")
    assert caught.value.reason == Reason.IDEMPOTENCY_KEY_TAKEN
    listed = [task.task_id async for task in client.tasks.list(session_id="assignment")]
    assert listed == [sent[0].task_id]


async def test_an_idempotency_key_lapses(database_url: str, tmp_path: Path) -> None:
    """... the key lapses after 24 hours (`HOLDFAST_IDEMPOTENCY_TTL_SECONDS`) ..."""
    settings = {"HOLDFAST_IDEMPOTENCY_TTL_SECONDS": "1"}
    server = ServerProcess(tmp_path, database_url, environment=settings)
    try:
        await server.start()
        async with connected(server) as client:
            orchestrator = Orchestrator(client)
            await orchestrator.begin()

            async def delegate() -> str:
                return (await orchestrator.delegate("build", "planner", "coder", {}, key="build-7")).task_id

            first = await delegate()

            async def is_another() -> bool:
                return await delegate() != first

            await eventually(is_another)
    finally:
        await server.kill()


@pytest.mark.parametrize("says_yes", [True, False])
async def test_an_approval_is_asked_for_and_decided(
    says_yes: bool, orchestrator: Orchestrator, client: holdfastdb.AsyncClient
) -> None:
    """Approvals: of a task, requested by a role, decided by someone, with a reason and times ..."""
    await orchestrator.begin()
    task = await orchestrator.delegate("deploy", "planner", "operator", {"feature": 7})
    work = asyncio.create_task(orchestrator.do("operator"))

    async def is_asked() -> bool:
        return bool(await pending(client))

    await eventually(is_asked)
    (question,) = await pending(client)
    assert (question.task_id, question.requested_by, question.title) == (
        task.task_id,
        "operator",
        "May I deploy?",
    )
    answer = client.approvals.approve if says_yes else client.approvals.reject
    await answer(question.approval_id, "ada", reason="because")
    done = await work
    assert done is not None
    assert done.status is (TaskStatus.SUCCEEDED if says_yes else TaskStatus.FAILED)
    decided = await client.approvals.get(question.approval_id)
    assert (decided.is_approved, decided.decided_by, decided.reason) == (says_yes, "ada", "because")
    assert decided.end_time is not None
    assert decided.create_time < decided.end_time
    with pytest.raises(holdfastdb.FailedPrecondition) as caught:
        await client.approvals.reject(question.approval_id, "bob")
    assert caught.value.reason == Reason.APPROVAL_ALREADY_DECIDED


async def test_all_pending_approvals_are_seen_at_a_glance(
    client: holdfastdb.AsyncClient, shared_server: ServerProcess
) -> None:
    """... all pending ones at a glance."""
    for number in range(4):
        await client.sessions.create(f"s{number}")
        await client.approvals.request(f"a{number}", title=f"May I {number}?", session_id=f"s{number}")
    await client.approvals.cancel("a1")
    await client.approvals.approve("a2", "ada")
    await shared_server.restart()
    assert [one.approval_id for one in await pending(client)] == ["a3", "a0"]


async def test_audit_events_have_actor_action_details_trace_and_time(
    orchestrator: Orchestrator, client: holdfastdb.AsyncClient
) -> None:
    """Audit events: actor, action, details, trace id, time ..."""
    await orchestrator.begin()
    await orchestrator.audit("coder", "file.written", {"path": "cart.py", "bytes": 2**60}, "trace-1")
    (event,) = [event async for event in client.history.list("assignment", types=["file.*"])]
    assert (event.actor, event.type, event.trace_id) == ("coder", "file.written", "trace-1")
    assert event.value == {"path": "cart.py", "bytes": 2**60}
    assert event.event_time == event.create_time


async def test_audit_events_are_found_by_session_by_trace_and_by_time(client: holdfastdb.AsyncClient) -> None:
    """... by session, by trace, by time."""
    for name in ("one", "two"):
        orchestrator = Orchestrator(client, name)
        await orchestrator.begin()
        for number in range(3):
            await orchestrator.audit("coder", f"step.{number}", {}, f"trace-{number}")
    steps = [event async for event in client.history.list("one", types=["step.*"])]
    assert [event.type for event in steps] == ["step.0", "step.1", "step.2"]
    traced = [event async for event in client.history.list(trace_id="trace-1")]
    assert [(event.session_id, event.type) for event in traced] == [("one", "step.1"), ("two", "step.1")]
    times = [event.event_time for event in steps if event.event_time]
    later = client.history.list("one", types=["step.*"], event_time_from=times[1], event_time_until=times[2])
    assert [event.type async for event in later] == ["step.1"]


async def read(database_url: str, query: str) -> Sequence[Mapping[str, Any]]:
    """Ask the database itself, as people with psql or sqlite3 do."""
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as file:
            file.row_factory = sqlite3.Row
            rows = [dict(row) for row in file.execute(query)]
        file.close()
        return rows
    connection = await asyncpg.connect(database_url)
    try:
        return [dict(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_people_see_active_sessions_and_pending_approvals_in_sql(
    server: ServerProcess, database_url: str
) -> None:
    """SQL views `active_sessions` and `pending_approvals` for people with psql."""
    async with connected(server) as client:
        await Orchestrator(client).begin(title="The assignment", user_id="ada")
        await client.sessions.create("not begun")
        for number in range(2):
            await client.approvals.request(
                f"a{number}", title="May I?", session_id="assignment", requested_by="coder"
            )
        await client.approvals.reject("a0", "ada")
        (session,) = await read(database_url, "SELECT * FROM active_sessions")
        assert (session["session_id"], session["user_id"], session["title"]) == (
            "assignment",
            "ada",
            "The assignment",
        )
        (approval,) = await read(database_url, "SELECT * FROM pending_approvals")
        assert (approval["approval_id"], approval["requested_by"]) == ("a1", "coder")


@pytest.mark.postgres
async def test_without_a_database_the_server_starts_and_says_so(
    cluster: PostgresCluster, tmp_path: Path
) -> None:
    """Without a database the server still starts and answers health and UNAVAILABLE (with a retry hint) until
    the database is there; a database that comes back is used again without a restart."""
    await migrations.upgrade(cluster.url)
    await asyncio.to_thread(cluster.stop)
    server = ServerProcess(tmp_path, cluster.url)
    try:
        server.launch()
        await server.until_not_serving()
        async with connected(server, retries=False) as client:
            with pytest.raises(holdfastdb.Unavailable) as caught:
                await client.sessions.create("s")
            assert caught.value.reason == Reason.DATABASE_UNAVAILABLE
            assert caught.value.retry_delay
            for end in (cluster.stop, cluster.kill):
                await asyncio.to_thread(cluster.start)
                await server.until_serving()
                await client.sessions.create("s")
                await asyncio.to_thread(end)
                await server.until_not_serving()
            await asyncio.to_thread(cluster.start)
            await server.until_serving()
            assert (await client.sessions.get("s")).version == 1
    finally:
        await server.kill()
