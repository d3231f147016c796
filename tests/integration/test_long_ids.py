"""Every list, on terminals of several widths and in a pipe: an id can always be copied."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

import holdfastdb
from holdfastdb import RunStatus
from tests.support.command_line import CommandLine

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])

REVIEW = "github/holdfastdb/holdfast/pull/1234#review-"
IDS = [
    str(uuid.UUID(int=2**127)),
    *(REVIEW + "9" * (length - len(REVIEW)) for length in (60, 120)),
    "i" * 255,
    "two  spaces",
    "日本語" * 20,
    "🚀" * 50,
]
LONG = "red \x1b[31mink\n\t日本 " * 50
LISTS = ["sessions", "tasks", "runs", "plans", "approvals", "memories", "memories red", "documents agents"]


async def _fill(client: holdfastdb.AsyncClient) -> None:
    for one in IDS:
        await client.sessions.create(one, user_id=one, agent_id=one, title=LONG)
        await client.tasks.create("review", task_id=one, session_id=one, to_role="coder")
        lease = await client.tasks.claim(task_id=one, worker_id=one)
        assert lease is not None
        await lease.fail(LONG)
        await client.runs.start(one, agent_id=one, kind="scan")
        await client.runs.finish(one, RunStatus.FAILED, error=LONG)
        await client.plans.create(plan_id=one, session_id=one, title=LONG)
        await client.approvals.request(one, title=LONG, requested_by=one, ttl=timedelta(days=2))
        await client.memories.create(LONG, memory_id=one, context=LONG)
        await client.documents.put("agents", _as_document(one), {}, labels={"team": "support"})


def _as_document(one: str) -> str:
    return one.replace("/", "-")


@pytest.mark.parametrize("columns", [80, 100, 140, None])
async def test_each_id_stands_whole_in_every_list(
    columns: int | None, holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    await _fill(client)
    for command in LISTS:
        done = await holdfast_command(*command.split(), columns=columns)
        assert done.code == 0
        assert "\x1b" not in done.out
        lines = done.out.split("\n")
        for one in map(_as_document, IDS) if "documents" in command else IDS:
            # A line begins with an id of a row; further ids, such as a session's user, may stand below it.
            assert any(line.startswith(one) for line in lines), (command, one)
        if columns is None:
            assert len(lines) == len(IDS) + 2, command
            assert len({line.count("\t") for line in lines[:-1]}) == 1, command


async def test_the_user_and_the_agent_of_a_session_are_whole_too(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    await client.sessions.create("s", user_id="u" * 255, agent_id=IDS[0], title=LONG)
    lines = (await holdfast_command("sessions", columns=80)).out.split("\n")
    assert "  user " + "u" * 255 in lines
    assert any(IDS[0] in line for line in lines)


async def test_one_thing_is_shown_with_its_ids_whole(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    await _fill(client)
    for command in ("sessions", "tasks", "runs", "plans", "approvals"):
        shown = (await holdfast_command(command, "i" * 255, columns=80)).out
        assert any("i" * 255 in line for line in shown.split("\n")), command
