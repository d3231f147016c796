"""The commands that look at a server, on a real one. What they print does not depend on the engine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import holdfastdb
from holdfastdb import Event, EventKind, NewPlanItem, PlanItemStatus
from tests.support.command_line import CommandLine
from tests.support.servers import ServerProcess

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


async def test_sessions_are_listed_and_shown(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    nothing = await holdfast_command("sessions")
    assert (nothing.out, nothing.err) == ("", "There are no sessions here yet.\n")
    for number in range(3):
        await client.sessions.create(
            f"s-{number}", user_id="ada", title=f"Trip\x1b[31m {number}", metadata={"n": number}
        )
    await client.sessions.activate("s-2")
    table = await holdfast_command("sessions", "--limit", "2")
    assert [line.split("\t")[:3] for line in table.out.splitlines()] == [
        ["Session", "Status", "User"],
        ["s-2", "active", "ada"],
        ["s-1", "pending", "ada"],
    ]
    assert "2 of 3 sessions" in table.err
    assert "\x1b" not in table.out
    shown = (await holdfast_command("sessions", "--limit", "2", columns=80)).out
    assert "2 of 3 sessions" in shown
    assert "\x1b" not in shown
    listed = await holdfast_command("sessions", "--json", "--metadata", "n=1")
    assert [json.loads(line)["session_id"] for line in listed.out.splitlines()] == ["s-1"]
    assert "No session is like that" in (await holdfast_command("sessions", "--status", "failed")).err
    assert "active" in (await holdfast_command("sessions", "s-2")).out
    assert json.loads((await holdfast_command("sessions", "s-2", "--json")).out)["metadata"] == {"n": 2}
    missing = await holdfast_command("sessions", "nobody")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "holdfast: no session 'nobody' (SESSION_NOT_FOUND)\n"


async def test_a_history_is_printed_readably(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    await client.sessions.create("s")
    assert "Nothing has happened" in (await holdfast_command("history", "s")).out
    call = holdfastdb.ToolCall("weather", '{"city": "Paris"}', "c1")
    answer = holdfastdb.ToolCallResponse("rain " * 500, "c1", "weather")
    await client.history.append(
        "s",
        [
            Event.message("user", "Will it rain?"),
            Event.message("assistant", [call]),
            Event.message("tool", [answer]),
            Event.step(thought="It rains", actor="bot", labels={"k": "v"}),
            Event.of("tool.finished", {"seconds": 1.5}),
        ],
    )
    done = await holdfast_command("history", "s")
    assert done.code == 0
    for text in ("1  user", "Will it rain?", '→ weather(city="Paris")', "3  tool weather", "← rain rain"):
        assert text in done.out
    for text in (
        "more characters; --full",
        "step  by bot",
        "k=v",
        "thought  It rains",
        "tool.finished",
        '{"seconds":1.5}',
    ):
        assert text in done.out
    assert "more characters" not in (await holdfast_command("history", "s", "--full")).out
    newest = await holdfast_command("history", "s", "--last", "2", "--json")
    assert [json.loads(line)["sequence"] for line in newest.out.splitlines()] == [4, 5]
    chosen = await holdfast_command(
        "history", "s", "--kind", EventKind.MESSAGE.value, "--after", "1", "--json"
    )
    assert [json.loads(line)["message"]["role"] for line in chosen.out.splitlines()] == ["assistant", "tool"]
    assert "No event is like that" in (await holdfast_command("history", "s", "--actor", "nobody")).out


async def test_a_tail_follows_until_it_is_interrupted(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient, tmp_path: Path
) -> None:
    await client.sessions.create("s")
    await client.history.append("s", [Event.of("old", n) for n in range(12)])
    following = holdfast_command.start(["tail", "s", "--json", "--last", "2"], tmp_path)
    assert following.stdout is not None
    try:
        seen = [json.loads(following.stdout.readline())["sequence"] for _ in range(2)]
        await client.history.append("s", Event.of("new", 1))
        seen.append(json.loads(following.stdout.readline())["sequence"])
    finally:
        following.send_signal(signal.SIGINT)
        done = await holdfast_command.end(following)
    assert seen == [11, 12, 13]
    assert (done.code, done.err) == (0, "")


async def test_a_tail_for_people_says_when_it_has_told_all_and_waits(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient, tmp_path: Path
) -> None:
    await client.sessions.create("s")
    await client.history.append("s", [Event.message("user", f"number {n}") for n in range(3)])
    following = holdfast_command.start(["tail", "s", "--from-start"], tmp_path)
    assert following.stdout is not None
    assert following.stderr is not None
    try:
        assert following.stderr.readline() == "… waiting for events; Ctrl-C ends\n"
        await client.history.append("s", Event.message("user", "number 3"))
        told = ""
        while "number 3" not in told:
            told += following.stdout.readline()
    finally:
        following.send_signal(signal.SIGINT)
        done = await holdfast_command.end(following)
    assert [f"number {n}" in told for n in range(4)] == [True] * 4
    assert (done.code, done.err) == (0, "")


async def test_health_says_whether_the_server_is_serving(holdfast_command: CommandLine) -> None:
    done = await holdfast_command("health")
    assert (done.code, done.err) == (0, "")
    assert "SERVING" in done.out


async def test_doctor_is_content_with_a_running_server(
    holdfast_command: CommandLine, shared_server: ServerProcess
) -> None:
    done = await holdfast_command("doctor", "--json", "--database-url", shared_server.database_url)
    found = {check["check"]: check for check in map(json.loads, done.out.splitlines())}
    assert done.code == 0
    assert {check["outcome"] for check in found.values()} == {"ok"}, found


async def test_a_plan_is_a_checklist_and_plans_a_table(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    assert "no plans here yet" in (await holdfast_command("plans")).err
    await client.sessions.create("s")
    items = [
        NewPlanItem("Read\x1b[31m it", item_id="a", status=PlanItemStatus.COMPLETED, result="as is"),
        NewPlanItem("Write", item_id="b", depends_on=["a"], acceptance_criteria=["It is short"]),
        NewPlanItem("Print", item_id="c", depends_on=["a", "b"]),
    ]
    await client.plans.create(items, plan_id="p-1", session_id="s", title="A letter")
    await client.plans.create(plan_id="p-2")
    table = (await holdfast_command("plans")).out
    assert [line.split()[0] for line in table.splitlines()[1:3]] == ["p-2", "p-1"]
    assert "1/3" in table
    assert "p-2" not in (await holdfast_command("plans", "--session", "s")).out
    done = await holdfast_command("plans", "p-1")
    assert done.code == 0
    for text in ("A letter", "1 of 3 done", "✔ 1 Read␛[31m it", "→ as is", "○ 2 Write", "· It is short"):
        assert text in done.out, text
    assert "Print  waits for 2" in done.out
    assert "no items yet" in (await holdfast_command("plans", "p-2")).out
    shown = json.loads((await holdfast_command("plans", "p-1", "--json")).out)
    assert [item["result"] for item in shown["items"]] == [{"json": '"as is"', "media_type": ""}, None, None]
    assert shown["progress"]["ready_count"] == 1
    listed = (await holdfast_command("plans", "--json", "--status", "pending")).out.splitlines()
    assert [json.loads(line)["plan_id"] for line in listed] == ["p-2", "p-1"]
    missing = await holdfast_command("plans", "nothing")
    assert (missing.code, missing.err) == (1, "holdfast: no plan 'nothing' (PLAN_NOT_FOUND)\n")


async def test_memories_are_listed_and_searched(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    assert "no memories here yet" in (await holdfast_command("memories")).err
    await client.memories.create("Retry\x1b[31m later", tool_name="web", confidence=0.8, memory_id="m-1")
    await client.memories.create("Ask first", context="before a retry", memory_id="m-2")
    listed = (await holdfast_command("memories", columns=80)).out.splitlines()
    assert [line.split()[:3] for line in (listed[1], listed[4])] == [
        ["m-2", "100%", "now"],
        ["m-1", "web", "80%"],
    ]
    assert listed[2:4] == ["  lesson Ask first", "  context before a retry"]
    assert listed[5:] == ["  lesson Retry␛[31m later", "2 memories."]
    assert "1 of 2 memories" in (await holdfast_command("memories", "--limit", "1")).err
    found = (await holdfast_command("memories", "retry", "late")).out
    assert [line.split("\t")[:2] for line in found.splitlines()[1:]] == [["m-1", "100%"], ["m-2", "25%"]]
    assert "m-2" not in (await holdfast_command("memories", "retry", "late", "--every-word")).out
    assert "No memory is like that" in (await holdfast_command("memories", "zebra")).err
    filtered = (await holdfast_command("memories", "retry", "--tool", "web", "--json")).out.splitlines()
    assert [json.loads(line)["memory"]["memory_id"] for line in filtered] == ["m-1"]
    assert json.loads(filtered[0])["score"] == 1.0
    assert (await holdfast_command("memories", "?!")).code == 2
