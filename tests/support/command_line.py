"""The `holdfast` command, run in this process or in one of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from holdfastdb_server.cli import app
from tests.support.logging_state import logging_as_before
from tests.support.waiting import PATIENCE


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


def run_command(
    *arguments: str,
    stdin: str | None = None,
    settings: Mapping[str, str] | None = None,
    columns: int | None = None,
) -> Done:
    """Run the command in this process, in a thread without an event loop.

    `settings` are put into the environment for as long as it runs. It prints for a terminal of so many
    `columns`, or into a pipe.
    """
    environment = {"COLUMNS": str(columns) if columns else None, **(settings or {})}
    # The janitor's command sets the level of all logs, which in a process of its own harms nobody.
    with logging_as_before():
        result = CliRunner().invoke(app, arguments, input=stdin, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


class CommandLine:
    """Commands for one tenant of a server."""

    def __init__(self, target: str, namespace: str = "default") -> None:
        self._settings = {"HOLDFAST_TARGET": target, "HOLDFAST_NAMESPACE": namespace}

    async def __call__(self, *arguments: str, stdin: str | None = None, columns: int | None = None) -> Done:
        """Run a command to its end. See `run_command`."""
        return await asyncio.to_thread(
            run_command, *arguments, stdin=stdin, settings=self._settings, columns=columns
        )

    def start(
        self, arguments: Sequence[str], directory: Path, *, stderr: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start a command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "holdfastdb_server", *arguments],
            cwd=directory,
            env={**os.environ, **self._settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    @staticmethod
    async def end(process: subprocess.Popen[str]) -> Done:
        """Wait until a command that was started has ended."""
        try:
            out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return Done(process.returncode, out, err)
