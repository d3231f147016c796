"""What someone sees who starts a server for the first time, and mistypes a variable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from holdfastdb_server.app import Started
from holdfastdb_server.cli.commands.serve import print_banner
from holdfastdb_server.cli.invocation import program
from holdfastdb_server.cli.target import choose_target
from holdfastdb_server.config.environment import explain_unknown_variables
from tests.support.command_line import run_command
from tests.support.databases import sqlite_url
from tests.support.processes import free_port


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TARGET", "HOST", "PORT", "TLS", "TOKEN", "NAMESPACE"):
        monkeypatch.delenv(f"HOLDFAST_{name}", raising=False)


@pytest.mark.parametrize(
    ("target", "environment", "chosen"),
    [
        (None, {}, "127.0.0.1:7420"),
        (None, {"PORT": "8000"}, "127.0.0.1:8000"),
        (None, {"HOST": "10.0.0.1"}, "10.0.0.1:7420"),
        (None, {"HOST": "0.0.0.0", "PORT": "8000"}, "127.0.0.1:8000"),
        (None, {"HOST": "::"}, "[::1]:7420"),
        (None, {"HOST": "[::1]", "PORT": ""}, "[::1]:7420"),
        ("db:1", {"HOST": "10.0.0.1", "PORT": "nonsense"}, "db:1"),
    ],
)
def test_a_command_calls_the_server_where_the_settings_say_it_listens(
    target: str | None, environment: dict[str, str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"HOLDFAST_{name}", value)
    assert choose_target(target) == chosen


@pytest.mark.parametrize("port", ["0", "65536", "-1", "tcp://10.0.0.1:7420", "٣"])
def test_a_port_that_is_none_is_named_without_its_value(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_PORT", port)
    with pytest.raises(typer.BadParameter):
        choose_target(None)
    done = run_command("sessions")
    assert (done.code, done.out) == (2, "")
    assert "HOLDFAST_PORT" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["sessions"], ["tasks"], ["history", "s"], ["approve", "a"], ["export", "--all"], ["health"]],
)
def test_the_port_counts_for_every_command_that_calls_a_server(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("HOLDFAST_PORT", str(port))
    done = run_command(*arguments)
    assert done.code == 1
    assert f"127.0.0.1:{port}" in done.err
    elsewhere = run_command(*arguments, settings={"HOLDFAST_TARGET": "127.0.0.1:1"})
    assert "127.0.0.1:1 " in elsewhere.err or "127.0.0.1:1;" in elsewhere.err


def test_a_misspelt_variable_is_named_with_the_nearest_one_and_without_its_value() -> None:
    names = ["HOLDFAST_DATABSE_URL", "HOLDFAST_XYZZY", "HOLDFAST_PORT", "HOLDFAST_TEST_WHATEVER", "PATH"]
    assert list(explain_unknown_variables(names)) == [
        "HOLDFAST_DATABSE_URL is no setting of Holdfast; did you mean HOLDFAST_DATABASE_URL?",
        "HOLDFAST_XYZZY is no setting of Holdfast",
    ]


def test_the_clients_variables_and_those_of_kubernetes_are_known() -> None:
    names = ("TARGET", "NAMESPACE", "TOKEN", "TLS", "CONFIG", "PROFILE", "SERVICE_HOST", "SERVICE_PORT_GRPC")
    links = ("PORT_7420_TCP", "PORT_7420_TCP_ADDR")
    assert not list(explain_unknown_variables(f"HOLDFAST_{name}" for name in names + links))
    assert not list(explain_unknown_variables(["holdfast_port"]))  # settings are read in any case


@pytest.mark.parametrize("command", [["migrate"], ["janitor"], ["doctor", "--target", "127.0.0.1:1"]])
def test_commands_that_load_settings_warn_once(command: list[str], tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "some.db")
    done = run_command(*command, "--database-url", url, settings={"HOLDFAST_DB_POOL_MIX": "secret"})
    warning = "holdfast: HOLDFAST_DB_POOL_MIX is no setting of Holdfast; did you mean HOLDFAST_DB_POOL_MIN?"
    assert done.err.splitlines().count(warning) == 1
    assert "secret" not in done.out + done.err


def test_the_program_is_named_as_it_must_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, other = tmp_path / "our bin" / "holdfast", tmp_path / "bin" / "holdfast"
    for file in (ours, other):
        file.parent.mkdir()
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(ours)])
    monkeypatch.setenv("PATH", str(ours.parent))
    assert program() == "holdfast"
    monkeypatch.setenv("PATH", str(other.parent))
    assert program() == f"'{ours}'"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bin/holdfast"])
    monkeypatch.setenv("PATH", "")
    assert program() == "bin/holdfast"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "holdfastdb_server" / "__main__.py")])
    assert program() == f"{sys.executable} -m holdfastdb_server"


@pytest.mark.parametrize(
    ("address", "has_tls", "options"),
    [
        ("127.0.0.1:7420", False, ""),
        ("127.0.0.1:8000", False, " --target 127.0.0.1:8000"),
        ("0.0.0.0:7420", False, ""),
        ("[::]:7420", True, " --target [::1]:7420 --tls"),
    ],
)
def test_the_banner_names_commands_that_can_be_typed(
    address: str,
    has_tls: bool,
    options: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/holdfast"])
    monkeypatch.setenv("PATH", "")
    print_banner(
        Started(
            address=address,
            database="sqlite:///holdfast.db",
            is_available=True,
            has_tls=has_tls,
            needs_token=has_tls,
            metrics_url=None,
        )
    )
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"try      .venv/bin/holdfast doctor{options}" in lines
    assert f".venv/bin/holdfast sessions{options}" in lines
    assert ("with HOLDFAST_TOKEN set to one of the tokens" in lines) is has_tls
