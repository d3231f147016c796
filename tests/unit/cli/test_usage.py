"""What every command has in common: help, errors, exit codes. No server is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from holdfastdb_server.cli import app
from tests.support.processes import free_port

COMMANDS = [
    "serve",
    "migrate",
    "janitor",
    "doctor",
    "health",
    "sessions",
    "history",
    "tail",
    "runs",
    "tasks",
    "plans",
    "memories",
    "approvals",
    "approve",
    "reject",
    "documents",
    "import",
    "export",
    "sync",
]


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a directory of its own, with no settings around."""
    for name in ("TARGET", "NAMESPACE", "TOKEN", "TLS", "CONFIG", "PROFILE", "DATABASE_URL", "HOST", "PORT"):
        monkeypatch.delenv(f"HOLDFAST_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def nobody() -> str:
    """An address where no server is."""
    return f"127.0.0.1:{free_port()}"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: holdfast {command}" in out
    assert "Exits with" in out


def test_help_lists_all_commands() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(f" {command} " in out for command in COMMANDS)


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    code, out, err = run("sesions")
    assert (code, out) == (2, "")
    assert "Did you mean 'sessions'" in err


def test_the_version_is_said() -> None:
    code, out, _ = run("--version")
    assert (code, out[:9]) == (0, "holdfast ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["history"],
        ["sessions", "--limit", "0"],
        ["sessions", "--label", "no-equals-sign"],
        ["sessions", "--status", "sleeping"],
        ["runs", "--since", "yesterday"],
        ["runs", "--since", "0m"],
        ["runs", "--by", "agent"],
        ["runs", "--summary", "--by", "weather"],
        ["approve"],
        ["tail", "s", "--new", "--from-start"],
        ["export"],
        ["export", "s", "--all"],
        ["export", "s", "--out", "no/such/directory/file"],
        ["import", "no-such-file"],
        ["sync"],
        ["sync", "no-such-directory"],
        ["documents", "--label", "a=b"],
        ["documents", "agents", "--depth", "1"],
        ["migrate", "--database-url", "mysql://localhost/x"],
        ["doctor", "--config", "no-such-file.yaml"],
        ["serve", "--port", "99999"],
        ["serve", "--host", "0.0.0.0"],
    ],
)
def test_wrong_usage_exits_with_2_and_says_why(arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["sessions"],
        ["sessions", "s"],
        ["history", "s", "--last", "3"],
        ["export", "--all"],
        ["import", "file"],
    ],
)
def test_without_a_server_it_exits_with_1_and_says_what_to_do(
    arguments: list[str], nobody: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text('{"messages": []}\n')
    code, out, err = run(*arguments, "--target", nobody)
    assert (code, out) == (1, "")
    advice = "start one with `holdfast serve`, or name it with --target"
    assert err == f"holdfast: no server answers at {nobody}; {advice}\n"


def test_health_exits_with_1_where_nobody_answers(nobody: str) -> None:
    code, out, err = run("health", "--target", nobody, "--json")
    assert (code, json.loads(out)) == (1, {"target": nobody, "status": "UNAVAILABLE"})
    assert err == f"holdfast: {nobody} is not serving: UNAVAILABLE\n"


def test_a_namespace_that_no_header_can_carry_is_wrong_usage() -> None:
    code, _, err = run("sessions", "--namespace", "a\nb")
    assert code == 2
    assert "namespace" in err


def test_python_m_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "holdfastdb_server", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith("holdfast ")
