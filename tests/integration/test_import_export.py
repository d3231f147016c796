"""Transcripts go in and come out the same, through a real server, on each engine."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

import holdfastdb
from holdfastdb import Event, SessionStatus
from tests.support.command_line import CommandLine
from tests.support.servers import ServerProcess
from tests.support.waiting import eventually

REAL = Path(__file__).parents[3] / "shared" / "data" / "airline-transcripts.jsonl"

ODD = [
    {"id": "first", "messages": [{"content": "Hi", "role": "user"}, {"role": "assistant", "content": None}]},
    {"messages": [], "n": 1.0, "id": "second \u2028 é", "big": 2**70, "nul": "\0"},
    {
        "task_id": 3,
        "trial": 0,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "\u0000😀"},
        ],
        "reward": -0.0,
    },
]


def write_lines(path: Path, lines: list[object]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


def files_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.mark.skipif(not REAL.exists(), reason="the real transcripts are not beside this repository")
async def test_a_hundred_real_transcripts_come_back_character_for_character(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient, tmp_path: Path
) -> None:
    for already_there in (0, 100):
        done = await holdfast_command("import", str(REAL), "--json")
        assert done.code == 0
        summary = json.loads(done.out)
        assert (summary["sessions"], summary["messages"], summary["skipped_lines"]) == (100, 2_658, 0)
        assert summary["already_there"] == already_there
    out = tmp_path / "out.jsonl"
    assert (await holdfast_command("export", "--all", "--out", str(out))).code == 0
    assert out.read_bytes() == REAL.read_bytes()
    first = [event async for event in client.history.list("airline-transcripts-0-0")]
    session = await client.sessions.get("airline-transcripts-0-0")
    assert session.status is SessionStatus.COMPLETED
    assert session.metadata == {"task_id": 0, "trial": 0, "reward": 0}
    assert len({event.event_id for event in first}) == len(first) == session.last_sequence


async def test_odd_lines_come_back_the_same_from_a_pipe(holdfast_command: CommandLine) -> None:
    lines = "".join(json.dumps(line) + "\n" for line in ODD)
    done = await holdfast_command("import", "-", "--prefix", "odd", stdin=f"\ufeff{lines}")
    assert (done.code, done.err) == (0, "")
    exported = await holdfast_command("export", "--all")
    assert [json.dumps(json.loads(line)) for line in exported.out.split("\n") if line] == [
        json.dumps(line) for line in ODD
    ]
    one = await holdfast_command("export", "odd-3-0")
    assert json.loads(one.out) == ODD[2]


async def test_a_broken_line_is_skipped_and_the_others_are_imported(
    holdfast_command: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "file.jsonl"
    good, other, third = (json.dumps({"id": "a", "messages": [], "n": n}) for n in range(3))
    file.write_bytes(
        f"{good}\n\nnonsense\n".encode()
        + b"\xff\n"
        + f"{other}\n".encode()
        + third.replace('"a"', '"b"').encode()  # without a line end
    )
    done = await holdfast_command("import", str(file), "--json")
    assert done.code == 1
    assert json.loads(done.out) | {"seconds": 0} == {
        "sessions": 2,
        "already_there": 0,
        "messages": 0,
        "skipped_lines": 3,
        "seconds": 0,
    }
    assert [line.split(": ")[1] for line in done.err.splitlines()] == [
        f"line {n} is skipped" for n in (3, 4, 5)
    ]


async def test_on_a_terminal_a_bar_shows_how_far_it_is(holdfast_command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "file.jsonl"
    file.write_text('nonsense\n{"id": "a", "messages": []}\n')
    terminal, side = pty.openpty()
    importing = holdfast_command.start(["import", str(file)], tmp_path, stderr=side)
    os.close(side)
    done = await holdfast_command.end(importing)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert done.code == 1
    assert "1 sessions with 0 messages" in done.out
    assert "importing" in shown
    assert "line 1 is skipped" in shown


async def test_a_transcript_that_grew_gets_only_what_is_new(
    holdfast_command: CommandLine, tmp_path: Path
) -> None:
    hello, more = {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}
    for messages in ([hello], [hello, more], [hello]):
        file = write_lines(tmp_path / "file.jsonl", [{"id": "a", "messages": messages}])
        assert (await holdfast_command("import", str(file))).code == 0
    exported = await holdfast_command("export", "a")
    assert json.loads(exported.out)["messages"] == [hello, more]


async def test_a_large_transcript_is_appended_in_pieces(
    holdfast_command: CommandLine, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": f"{n} " + "x" * 5_000} for n in range(1_500)]
    file = write_lines(tmp_path / "file.jsonl", [{"id": "a", "messages": messages}])
    assert (await holdfast_command("import", str(file))).code == 0
    exported = await holdfast_command("export", "a")
    assert json.loads(exported.out) == {"id": "a", "messages": messages}


async def test_an_import_goes_on_after_the_server_was_killed(
    holdfast_command: CommandLine,
    client: holdfastdb.AsyncClient,
    shared_server: ServerProcess,
    tmp_path: Path,
) -> None:
    lines = [{"id": f"s-{n}", "messages": [{"role": "user", "content": str(n)}] * 3} for n in range(80)]
    file = write_lines(tmp_path / "file.jsonl", list(lines))
    importing = holdfast_command.start(["import", str(file), "--in-flight", "1"], tmp_path)

    async def has_begun() -> bool:
        return bool((await client.sessions.list(page_size=1).page()).items)

    await eventually(has_begun)
    await shared_server.kill()
    done = await holdfast_command.end(importing)
    assert done.code == 1
    assert done.err.startswith("holdfast: no server answers at ")
    assert "Traceback" not in done.err
    await shared_server.start()
    assert (await holdfast_command("import", str(file))).code == 0
    exported = await holdfast_command("export", "--all")
    assert [json.loads(line) for line in exported.out.splitlines()] == lines


async def test_sessions_that_were_not_imported_are_exported_as_openai_messages(
    holdfast_command: CommandLine, client: holdfastdb.AsyncClient
) -> None:
    await client.sessions.create("made", user_id="ada", labels={"team": "x"})
    await client.sessions.create("other", user_id="bob")
    await client.history.append("made", [Event.message("user", "Hi"), Event.step(thought="hm")])
    done = await holdfast_command("export", "--user", "ada")
    assert json.loads(done.out) == {
        "session_id": "made",
        "user_id": "ada",
        "labels": {"team": "x"},
        "messages": [{"role": "user", "content": "Hi"}],
    }
    assert "1 events other than messages are left out" in done.err


async def test_an_export_that_fails_leaves_no_file(holdfast_command: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    before = files_in(tmp_path)
    done = await holdfast_command("export", "nobody", "--out", str(out))
    assert (done.code, done.out) == (1, "")
    assert "SESSION_NOT_FOUND" in done.err
    assert files_in(tmp_path) == before
