"""System 3: an orchestrator routes tasks between agents in roles, asks for approvals, and keeps an audit."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

import holdfastdb
from holdfastdb import ApprovalStatus, Event, Reason, Session, SessionStatus, Task, TaskStatus
from holdfastdb.v1 import session_service_pb2 as session_pb
from holdfastdb_server.storage.engines import migrations
from tests.support.clients import connected, failure
from tests.support.command_line import Done
from tests.support.postgres import PostgresCluster
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


class Orchestrator:
    """The orchestrator: one session for an assignment, tasks between roles, and every step audited."""

    def __init__(self, client: holdfastdb.AsyncClient, session_id: str = "assignment") -> None:
        self._client = client
        self.session_id = session_id

    async def begin(self, role: str = "planner", **about: Any) -> Session:
        """Open the session."""
        await self._client.sessions.create(self.session_id, agent_id=role, **about)
        return await self._client.sessions.activate(self.session_id, actor=role)

    async def delegate(self, kind: str, sender: str, receiver: str, payload: object, key: str = "") -> Task:
        """Send a task from one role to another, once for each key."""
        return await self._client.tasks.create(
            kind,
            payload,
            session_id=self.session_id,
            from_role=sender,
            to_role=receiver,
            idempotency_key=key,
            trace_id="trace-1",
        )

    async def do(self, role: str) -> Task | None:
        """Have a role do its next task, which needs an approval if it is a deployment."""
        lease = await self._client.tasks.claim(role=role, session_id=self.session_id, worker_id=role)
        if lease is None:
            return None
        async with lease:
            task = lease.task
            await self.audit(role, f"{task.kind}.begun", task.value, task.trace_id)
            if task.kind == "deploy" and not await self.ask(role, task):
                return await lease.fail("not approved")
            return await lease.succeed({"done": task.kind})

    async def ask(self, role: str, task: Task) -> bool:
        """Ask for an approval of a task, and wait for the answer."""
        asked = await self._client.approvals.request(
            f"approval-of-{task.task_id}",
            title=f"May I {task.kind}?",
            payload=task.value,
            session_id=task.session_id,
            task_id=task.task_id,
            requested_by=role,
            trace_id=task.trace_id,
        )
        return (await self._client.approvals.wait(asked.approval_id)).is_approved

    async def audit(self, actor: str, action: str, details: object, trace_id: str) -> None:
        """Record who did what."""
        event = Event.of(action, details, actor=actor, trace_id=trace_id)
        await self._client.history.append(self.session_id, event)


@pytest.fixture
def orchestrator(client: holdfastdb.AsyncClient) -> Orchestrator:
    return Orchestrator(client)


async def pending(client: holdfastdb.AsyncClient) -> list[holdfastdb.Approval]:
    """All questions that are open, as a person's dashboard shows them."""
    return [one async for one in client.approvals.list(statuses=[ApprovalStatus.PENDING])]


async def move(client: holdfastdb.AsyncClient, session_id: str, status: SessionStatus) -> None:
    """Bring a new session to a status."""
    if status in (SessionStatus.ACTIVE, SessionStatus.COMPLETED, SessionStatus.FAILED):
        await client.sessions.activate(session_id)
    if status not in (SessionStatus.PENDING, SessionStatus.ACTIVE):
        await client.sessions.transition(session_id, status)


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
    for status in SessionStatus:
        await client.sessions.create(status.value)
        await move(client, status.value, status)
    active = [session.session_id async for session in client.sessions.list(statuses=[SessionStatus.ACTIVE])]
    assert active == ["active"]


@pytest.mark.parametrize("source", SessionStatus)
async def test_every_move_that_the_life_cycle_has_not_is_refused(
    source: SessionStatus, client: holdfastdb.AsyncClient
) -> None:
    """Life cycle: pending to active or expired; active to completed, failed or expired; the three ends are
    final. All other moves, and self-moves, are refused (all of them tested, pair by pair)."""
    for target in SessionStatus:
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
