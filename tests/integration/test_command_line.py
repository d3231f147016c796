"""The commands that look at a server, on a real one. What they print does not depend on the engine."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import holdfast
from holdfast import Event, EventKind
from tests.support.command_line import CommandLine
from tests.support.servers import ServerProcess

pytestmark = pytest.mark.parametrize("engine", ["sqlite"])


@pytest.fixture
def holdfast_command(server: ServerProcess) -> CommandLine:
    """The command line, for the test's server."""
    return CommandLine(server.target)


async def test_sessions_are_listed_and_shown(holdfast_command: CommandLine, server: ServerProcess) -> None:
    assert "no sessions here yet" in (await holdfast_command("sessions")).out
    async with holdfast.connect(server.target) as client:
        for number in range(3):
            await client.sessions.create(
                f"s-{number}", user_id="ada", title=f"Trip\x1b[31m {number}", metadata={"n": number}
            )
        await client.sessions.activate("s-2")
    table = (await holdfast_command("sessions", "--limit", "2")).out
    assert [line.split()[:3] for line in table.splitlines()[1:3]] == [
        ["s-2", "active", "ada"],
        ["s-1", "pending", "ada"],
    ]
    assert "2 of 3 sessions" in table
    assert "\x1b" not in table
    listed = await holdfast_command("sessions", "--json", "--metadata", "n=1")
    assert [json.loads(line)["session_id"] for line in listed.out.splitlines()] == ["s-1"]
    assert "No session is like that" in (await holdfast_command("sessions", "--status", "failed")).out
    assert "active" in (await holdfast_command("sessions", "s-2")).out
    assert json.loads((await holdfast_command("sessions", "s-2", "--json")).out)["metadata"] == {"n": 2}
    missing = await holdfast_command("sessions", "nobody")
    assert (missing.code, missing.out) == (1, "")
    assert missing.err == "holdfast: no session 'nobody' (SESSION_NOT_FOUND)\n"


async def test_a_history_is_printed_readably(holdfast_command: CommandLine, server: ServerProcess) -> None:
    async with holdfast.connect(server.target) as client:
        await client.sessions.create("s")
        assert "Nothing has happened" in (await holdfast_command("history", "s")).out
        call = holdfast.ToolCall("weather", '{"city": "Paris"}', "c1")
        answer = holdfast.ToolCallResponse("rain " * 500, "c1", "weather")
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
    holdfast_command: CommandLine, server: ServerProcess, tmp_path: Path
) -> None:
    async with holdfast.connect(server.target) as client:
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


async def test_health_says_whether_the_server_is_serving(holdfast_command: CommandLine) -> None:
    done = await holdfast_command("health")
    assert (done.code, done.err) == (0, "")
    assert "SERVING" in done.out


async def test_doctor_is_content_with_a_running_server(
    holdfast_command: CommandLine, database_url: str
) -> None:
    done = await holdfast_command("doctor", "--json", "--database-url", database_url)
    found = {check["check"]: check for check in map(json.loads, done.out.splitlines())}
    assert done.code == 0
    assert {check["outcome"] for check in found.values()} == {"ok"}, found
