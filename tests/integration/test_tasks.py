"""Tasks from end to end: workers in the Python client, servers, and the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

import holdfastdb
from holdfastdb import TaskStatus
from tests.support.command_line import CommandLine
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually, patient


async def test_workers_do_each_task_once_and_the_session_tells_of_it(client: holdfastdb.AsyncClient) -> None:
    await client.sessions.create("s")
    for number in range(12):
        await client.tasks.create(
            "square", number, task_id=f"t{number}", session_id="s" if number % 2 else ""
        )

    async def work(worker_id: str) -> None:
        async for lease in client.tasks.work(kinds=["square"], worker_id=worker_id):
            async with lease:
                await lease.report(phase="multiplying")
                await lease.succeed(lease.task.value**2)

    workers = [asyncio.create_task(work(f"w{number}")) for number in range(3)]

    async def all_done() -> bool:
        page = await client.tasks.list(
            statuses=[TaskStatus.SUCCEEDED], include_total_size=True, omit_payload=True
        ).page()
        return page.total_size == 12

    await eventually(all_done)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    for number in range(12):
        task = await client.tasks.get(f"t{number}")
        assert task.result is not None
        assert (task.result.value, task.phase, task.attempts) == (number**2, "multiplying", 1)
    events = [event.type async for event in client.history.list("s")]
    steps = [f"holdfast.task.{status}" for status in ("pending", "running", "succeeded")]
    assert sorted(events) == sorted(steps * 6)


async def test_an_error_of_the_work_leads_to_another_attempt(client: holdfastdb.AsyncClient) -> None:
    await client.tasks.create("flaky", task_id="t", max_attempts=3)
    luck = iter([0, 0, 1])
    async for lease in client.tasks.work(kinds=["flaky"]):
        try:
            async with lease:
                1 / next(luck)
        except ZeroDivisionError:
            continue
        break
    task = await client.tasks.get("t")
    assert (task.status, task.attempts) == (TaskStatus.SUCCEEDED, 3)
    assert task.error == "ZeroDivisionError: division by zero"


async def test_a_cancelled_task_stops_its_worker(client: holdfastdb.AsyncClient) -> None:
    await client.tasks.create("long", task_id="t")
    lease = await client.tasks.claim(lease_duration=timedelta(seconds=1))
    assert lease is not None
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(holdfastdb.LeaseNotHeld):
            await be_cancelled(client, lease)
    task = await client.tasks.get("t")
    assert (task.status, task.error) == (TaskStatus.CANCELLED, "not wanted")


async def test_a_claim_at_one_server_waits_for_a_task_made_at_another(
    two_servers: tuple[ServerProcess, ServerProcess],
) -> None:
    one, two = (holdfastdb.connect(server.target, timeout=patient(10)) for server in two_servers)
    async with one, two:
        waiting = asyncio.create_task(one.tasks.claim(kinds=["review"], wait=PATIENCE))
        await two.tasks.create("other")
        made = await two.tasks.create("review", dedupe_key="repo#7")
        lease = await waiting
        assert lease is not None
        assert lease.task.task_id == made.task_id
        with pytest.raises(holdfastdb.AlreadyExists) as caught:
            await one.tasks.create("review", dedupe_key="repo#7")
        assert caught.value.metadata == {"task_id": made.task_id}
        await lease.succeed()
        await two.tasks.create("review", dedupe_key="repo#7")


async def be_cancelled(client: holdfastdb.AsyncClient, lease: holdfastdb.AsyncLease) -> None:
    """Work on a task without end, while somebody else cancels it."""
    async with lease:
        await client.tasks.cancel(lease.task.task_id, error="not wanted")
        await asyncio.Event().wait()


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_tasks_are_listed_and_shown_on_the_command_line(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    assert "no tasks here yet" in (await holdfast_command("tasks")).err
    await client.tasks.create("scan", task_id="t-0", to_role="coder", payload={"repo": "x"})
    await client.tasks.create("test", task_id="t-1", labels={"urgent": "yes"})
    lease = await client.tasks.claim(task_id="t-1", worker_id="w-1")
    assert lease is not None
    await lease.fail("no\x1b[31m luck")
    table = (await holdfast_command("tasks")).out.splitlines()
    assert table[1].split()[:4] == ["t-1", "failed", "test", "w-1"]
    assert table[2].split()[:4] == ["t-0", "pending", "scan", "coder"]
    assert "\x1b" not in "".join(table)
    for filters in (
        ["--status", "failed"],
        ["--kind", "test"],
        ["--worker", "w-1"],
        ["--label", "urgent=yes"],
    ):
        (line,) = (await holdfast_command("tasks", *filters, "--json")).out.splitlines()
        assert json.loads(line)["task_id"] == "t-1"
    assert "No task is like that." in (await holdfast_command("tasks", "--to", "nobody")).err
    assert '{"repo":"x"}' in (await holdfast_command("tasks", "t-0")).out
    one = json.loads((await holdfast_command("tasks", "t-0", "--json")).out)
    assert (one["payload"]["json"], one["status"], one["max_attempts"]) == ('{"repo":"x"}', "pending", 10)
    missing = await holdfast_command("tasks", "nothing")
    assert (missing.code, missing.out) == (1, "")
