"""Which modules a server and each command import: their start must not take noticeably long."""

from __future__ import annotations

import subprocess
import sys

import pytest

CLIENT = {"holdfastdb._client", "holdfastdb._sync"}
SERVER = {"holdfastdb_server.app", "holdfastdb_server.config.settings", "sqlalchemy", "uvloop"}
# Each command ends in SystemExit.
RUN = "import contextlib\nfrom holdfastdb_server import cli\nwith contextlib.suppress(SystemExit): cli.app"


@pytest.mark.parametrize(
    ("code", "unneeded"),
    [
        pytest.param("import holdfastdb", {"asyncio", "google", "grpc"} | CLIENT, id="the package alone"),
        pytest.param("from holdfastdb.v1 import session_service_pb2", {"grpc"} | CLIENT, id="messages"),
        pytest.param("import holdfastdb.types, holdfastdb.errors", CLIENT, id="types and errors"),
        pytest.param("import holdfastdb_server.app", {"alembic", "rich"} | CLIENT, id="the server"),
        pytest.param(f"{RUN}(['--version'])", {"asyncio", "pydantic", "rich"}, id="the version"),
        pytest.param(f"{RUN}(['health', '--target', '127.0.0.1:1'])", SERVER | {"rich"}, id="health"),
        pytest.param(f"{RUN}(['sessions', '--target', '127.0.0.1:1'])", SERVER, id="another command"),
    ],
)
def test_no_more_is_loaded_than_is_needed(code: str, unneeded: set[str]) -> None:
    loaded = loaded_by(code)
    assert not loaded & unneeded, sorted(loaded & unneeded)


def test_the_client_is_there_when_it_is_asked_for() -> None:
    assert loaded_by("from holdfastdb import Event") >= CLIENT
    assert loaded_by("import holdfastdb; holdfastdb.errors.NotFound") >= CLIENT


def loaded_by(code: str) -> set[str]:
    """Return the names of the modules that a new process has loaded after the code."""
    shown = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", shown], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())
