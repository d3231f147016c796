"""The README tells the truth: its examples run, its settings exist, its services are the contract's."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfastdb_server.app import SERVICES
from holdfastdb_server.config.settings import Settings
from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# The client's, the command line's, and the one that chooses the settings' profile.
NOT_SETTINGS = {f"HOLDFAST_{name}" for name in ("TARGET", "NAMESPACE", "TOKEN", "TLS", "PROFILE")}


def examples(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


async def run(*command: str | Path, cwd: Path, target: str = "") -> str:
    """Run a program to its end and return what it printed; its complaints go into the failure."""
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=cwd,
        env={**os.environ, "HOLDFAST_TARGET": target},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
async def fresh_server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server without any settings but its port, as `make serve` starts it."""
    server = ServerProcess(tmp_path)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def test_the_python_example_runs(fresh_server: ServerProcess, tmp_path: Path) -> None:
    (program,) = examples("python")
    printed = await run(sys.executable, "-c", program, cwd=tmp_path, target=fresh_server.target)
    lines = printed.splitlines()
    assert lines[0].startswith("1 holdfast.session.active ")
    assert lines[1].startswith("2 message ")
    assert lines[2].startswith("3 step ")
    assert lines[3:] == ["1 {'city': 'Paris', 'step': 1}"]


async def test_the_buf_curl_example_runs(fresh_server: ServerProcess, tmp_path: Path) -> None:
    (example,) = [block for block in examples("sh") if block.startswith("buf curl")]
    command = example.replace("\\\n", "").replace("127.0.0.1:7420", fresh_server.target)
    _, *arguments = shlex.split(command)
    buf = Path(sys.executable).with_name("buf")
    answer = json.loads(await run(buf, *arguments, cwd=tmp_path))
    assert answer["session"]["userId"] == "ada"
    assert answer["session"]["status"] == "SESSION_STATUS_PENDING"


def test_every_setting_in_the_readme_exists() -> None:
    named = set(re.findall(r"HOLDFAST_[A-Z_]+", README)) - NOT_SETTINGS
    named |= {f"HOLDFAST_DB{part}" for part in re.findall(r"`(_[A-Z]+)`", README)}
    assert {"HOLDFAST_DATABASE_URL", "HOLDFAST_DB_PASSWORD"} <= named
    assert named <= {f"HOLDFAST_{name.upper()}" for name in Settings.model_fields}


def test_the_services_not_built_yet_are_listed_with_their_rpcs() -> None:
    listed = dict(re.findall(r"^\| (\w+Service) \| (.*) \|$", README, re.MULTILINE))
    contract = {}
    for file in (ROOT / "protos" / "holdfastdb" / "v1").glob("*_service.proto"):
        text = file.read_text()
        (service,) = re.findall(r"^service (\w+)", text, re.MULTILINE)
        contract[service] = ", ".join(re.findall(r"^  rpc (\w+)", text, re.MULTILINE))
    built = {service.rpartition(".")[2] for service in SERVICES}
    assert listed == {service: rpcs for service, rpcs in contract.items() if service not in built}
