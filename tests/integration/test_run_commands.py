"""The commands for runs and approvals, on a real server. What they print does not depend on the engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import holdfastdb
from holdfastdb import RunStatus, TokenUsage
from tests.support.command_line import CommandLine

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


async def test_runs_are_listed_shown_and_summed_up(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    assert "no runs here yet" in (await holdfast_command("runs")).err
    assert "no runs here yet" in (await holdfast_command("runs", "--summary")).err
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    usage = TokenUsage(input_tokens=1_200, output_tokens=34)
    for number in range(3):
        await client.runs.start(f"r-{number}", agent_id="coder", kind="scan", start_time=hour_ago)
        end = hour_ago + timedelta(seconds=number + 1)
        status = RunStatus.FAILED if number == 2 else RunStatus.COMPLETED
        error = "no\x1b[31m luck" if number == 2 else ""
        await client.runs.finish(f"r-{number}", status, error=error, usage=usage, end_time=end)
    await client.runs.start("open", agent_id="planner", input={"goal": 1})
    table = await holdfast_command("runs", "--limit", "2")
    assert table.out.splitlines()[1].split()[:4] == ["open", "started", "planner", "agent"]
    assert "2 of 4 runs" in table.err
    failed = await holdfast_command("runs", "--status", "failed")
    assert "\x1b" not in failed.out
    assert failed.out.splitlines()[1].split()[:7] == ["r-2", "failed", "coder", "scan", "3.0", "s", "1,234"]
    listed = await holdfast_command("runs", "--since", "30m", "--json")
    assert [json.loads(line)["run_id"] for line in listed.out.splitlines()] == ["open"]
    shown = (await holdfast_command("runs", "open")).out
    assert '{"goal":1}' in shown
    one = json.loads((await holdfast_command("runs", "r-2", "--json")).out)
    assert (one["status"], one["usage"]["input_tokens"]) == ("failed", 1_200)
    figures = (await holdfast_command("runs", "--summary", "--by", "agent")).out.splitlines()
    assert figures[1].split() == ["coder", "3", "1", "67%", "2.0", "s", "3.0", "s", "3,600", "102"]
    assert figures[2].split() == ["planner", "1"]
    buckets = await holdfast_command("runs", "--summary", "--bucket", "1h", "--json", "--agent", "coder")
    [bucket] = [json.loads(line) for line in buckets.out.splitlines()]
    assert (bucket["kind"], bucket["p95_seconds"], bucket["run_count"]) == ("scan", 3, 3)
    assert bucket["bucket_time"].endswith(":00:00Z")
    missing = await holdfast_command("runs", "nobody")
    assert (missing.code, missing.err) == (1, "holdfast: no run 'nobody' (RUN_NOT_FOUND)\n")


async def test_approvals_are_listed_pending_first_and_decided(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    assert "no approvals here yet" in (await holdfast_command("approvals")).err
    for name in ("a", "b", "c"):
        await client.approvals.request(
            name, title=f"Refund {name}?", payload={"amount": 40}, ttl=timedelta(days=2), approver="ada"
        )
    await client.approvals.approve("c", "eve")
    table = (await holdfast_command("approvals", columns=100)).out.splitlines()
    assert [line.split()[:2] for line in table[1:4]] == [
        ["b", "pending"],
        ["a", "pending"],
        ["c", "approved"],
    ]
    assert "expires in 1 day" in table[1]
    assert "holdfast approve ID" in table[-1]
    few = await holdfast_command("approvals", "--limit", "2")
    assert "2 of 3 approvals" in few.err
    assert "approved" not in few.out
    listed = await holdfast_command("approvals", "--status", "approved", "--json")
    assert [json.loads(line)["approval_id"] for line in listed.out.splitlines()] == ["c"]
    approved = await holdfast_command("approve", "a", "--by", "ada", "--reason", "fair")
    assert approved.code == 0
    assert "fair" in approved.out
    rejected = await holdfast_command("reject", "b", "--json")
    assert json.loads(rejected.out)["status"] == "rejected"
    assert json.loads(rejected.out)["decided_by"]
    again = await holdfast_command("approve", "b")
    assert (again.code, again.out) == (1, "")
    assert (
        again.err == "holdfast: approval 'b' is REJECTED and cannot be decided (APPROVAL_ALREADY_DECIDED)\n"
    )
    assert '{"amount":40}' in (await holdfast_command("approvals", "a")).out
    nobody = await holdfast_command("approvals", "--approver", "nobody")
    assert "No approval is like that" in nobody.err
