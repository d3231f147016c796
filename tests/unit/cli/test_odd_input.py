"""Odd input and broken outputs get one line that says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import run_command
from tests.support.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "holdfastdb_server"]
NOBODY = "127.0.0.1:1"


def run(*arguments: str, stdout: int) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run. It has a directory `dir` with broken JSON, and files `file` and `binary`."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "bad.json").write_text("{")
    (tmp_path / "file").write_text("x")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["sessions", "--target", "http://127.0.0.1:7420"], 2, "--target"),
        (["sessions", "--token", "a\nb"], 2, "token"),
        (["sessions", "--namespace", "é"], 2, "namespace"),
        (["sessions", "\udcff"], 2, "session_id"),
        (["sessions", "--user", "\udcff"], 2, "user_id"),
        (["sessions", "--metadata", "a=NaN"], 2, "metadata.a"),
        (["sessions", "--limit", "many"], 2, "--limit"),
        (["history", "s", "--after", "9" * 30], 2, "after_sequence"),
        (["documents", "--depth", "9" * 30], 2, "max_depth"),
        (["runs", "--since", "999999d"], 2, "--since"),
        (["runs", "--since", "٣d"], 2, "--since"),
        (["runs", "--summary", "--bucket", "999999d"], 2, "--bucket"),
        (["memories", "--confidence", "nan"], 2, "--confidence"),
        (["health", "--timeout", "0"], 2, "--timeout"),
        (["import", "dir"], 2, "dir: Is a directory"),
        (["import", "\udcff.jsonl"], 2, ".jsonl: No such file"),
        (["sync", "file"], 2, "DIR"),
        (["sync", "dir"], 1, "bad.json"),
        (["export", "--all", "--out", "dir"], 2, "cannot write dir: Is a directory"),
        (["export", "--all", "--out", ""], 2, "Is a directory"),
        (["export", "--all", "--out", "file/x"], 2, "cannot write file/x: Not a directory"),
        (["migrate", "--config", "dir"], 2, "dir cannot be read: Is a directory"),
        (["migrate", "--config", "binary"], 2, "binary cannot be read: it is not UTF-8"),
        (["migrate", "--database-url", "sqlite:///dir"], 1, "dir is a directory, not a database file"),
        (["janitor", "--database-url", "sqlite:///dir"], 1, "dir is a directory, not a database file"),
        (["migrate", "--database-url", "sqlite:///no/x.db"], 1, "there is no directory"),
        (["janitor", "--database-url", "sqlite:///no/x.db"], 1, "there is no file"),
        (["migrate", "--database-url", "postgresql://h:port/x"], 1, "the database URL cannot be read"),
        (["migrate", "--database-url", "postgresql://[::1"], 1, "the database URL cannot be read"),
        (["janitor", "--database-url", "postgresql://h:port/x"], 1, "the database URL cannot be read"),
        (["serve", "--database-url", "postgresql://h:port/x"], 1, "the database URL cannot be read"),
        (["serve", "--log-level", "loud"], 2, "--log-level"),
    ],
)
def test_bad_input_is_named_in_one_line(arguments: list[str], code: int, named: str) -> None:
    done = run_command(*arguments, settings={"HOLDFAST_TARGET": NOBODY})
    assert (done.code, done.out, len(done.err.splitlines())) == (code, "", 1), done.err
    assert done.err.startswith("holdfast: ")
    assert named in done.err


def test_an_export_goes_into_a_device_and_takes_no_ones_place(directory: Path) -> None:
    pipe = directory / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = run_command("export", "--all", "--out", str(pipe), settings={"HOLDFAST_TARGET": NOBODY})
    os.close(reader)
    assert done.code == 1
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["migrate", "--sql"], ["doctor", "--target", NOBODY]])
def test_a_full_disk_is_said_in_one_line(arguments: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = run(*arguments, stdout=full)
    os.close(full)
    assert done.returncode == 1
    assert done.stderr == b"holdfast: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_output_is_no_error(closed: str) -> None:
    number = {"stdout": 1, "stderr": 2}[closed]
    command = f"import os; os.close({number}); os.execv({COMMAND[0]!r}, {[*COMMAND, 'migrate', '--sql']!r})"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_locale_without_the_characters_is_no_error() -> None:
    done = subprocess.run(
        [*COMMAND, "doctor", "--target", NOBODY],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2713  program" in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run("migrate", "--sql", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_ctrl_c_ends_a_command_that_waits_without_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        waiting = subprocess.Popen(
            [*COMMAND, "sessions", "--target", target], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            connection, _ = silent.accept()
            waiting.send_signal(signal.SIGINT)
            out, err = waiting.communicate(timeout=PATIENCE)
            connection.close()
        finally:
            waiting.kill()
            waiting.wait()
    assert (waiting.returncode, out, err) == (130, b"", b"")
