"""An environment for each peer, made once in .venv-peers."""

from __future__ import annotations

import asyncio
import sys

from tests.benchmarks.programs import ROOT

_HOME = ROOT / ".venv-peers"
REQUIREMENTS = {
    "google_adk": ("google-adk==2.13.0", "sqlalchemy==2.1.9", "asyncpg==0.32.0", "greenlet==3.5.6"),
    "langgraph": ("langgraph-checkpoint-postgres==3.2.0", "psycopg[binary]==3.3.9", "psycopg-pool==3.3.3"),
    "openai_agents": (
        "openai-agents==0.24.0",
        "sqlalchemy==2.1.9",
        "asyncpg==0.32.0",
        "greenlet==3.5.6",
    ),
}


class NotInstalled(Exception):
    """The environment of a peer cannot be made here."""


async def interpreter(peer: str) -> str:
    """Return the Python of a peer's environment. Raises NotInstalled."""
    home = _HOME / peer
    python = home / "bin" / "python"
    installed = home / "installed.txt"
    wanted = "\n".join(REQUIREMENTS[peer])
    if not installed.exists() or installed.read_text() != wanted:
        print(f"installing {peer} into {home} ...", file=sys.stderr, flush=True)
        await _run(sys.executable, "-m", "venv", "--clear", str(home))
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        await _run(str(python), *pip, *REQUIREMENTS[peer])
        installed.write_text(wanted)
    return str(python)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    if process.returncode:
        raise NotInstalled(output.strip().splitlines()[-1])
