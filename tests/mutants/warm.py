"""A process that has imported what is never mutated, and forks a process for each run of tests.

To import it takes longer than most mutants live. It has started no thread and no event loop, and opened
nothing: that would not survive the fork.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

_MODULES = (
    "aiosqlite",
    "alembic.command",
    "asyncpg",
    "google.protobuf.json_format",
    "google.protobuf.struct_pb2",
    "grpc.aio",
    "grpc_health.v1.health_pb2_grpc",
    "grpc_reflection.v1alpha.reflection",
    "grpc_status.rpc_status",
    "holdfastdb.v1",
    "msgspec",
    "prometheus_client",
    "pydantic_settings",
    "rich.console",
    "rich.table",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.ext.asyncio",
    "typer",
    "uvloop",
)
TIMED_OUT = -1
"""Said instead of an exit code."""
_PAUSE = 0.05


def serve() -> None:
    """Read `[arguments of pytest, seconds, file for its output]` line by line, and print each exit code."""
    for module in _MODULES:
        importlib.import_module(module)
    for line in sys.stdin:
        arguments, seconds, output = json.loads(line)
        sys.stdout.write(f"{_run(arguments, seconds, output)}\n")
        sys.stdout.flush()


class _UntilOneFails:
    """Ends the run at once when a test fails: what it leaves behind may let its teardown wait for ever."""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported is a failure too."""
        self._end_if(report.failed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of a setup, a call or a teardown."""
        self._end_if(report.failed)

    def _end_if(self, failed: bool) -> None:
        if failed:
            sys.stdout.flush()
            os._exit(int(pytest.ExitCode.TESTS_FAILED))


def _run(arguments: list[str], seconds: float, output: str) -> int:
    process = os.fork()
    if process == 0:
        os.setsid()
        with Path(output).open("w") as file:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = pytest.main(arguments, plugins=[_UntilOneFails()])
        sys.stdout.flush()
        # Not as other programs end: what the tests have left behind is not waited for.
        os._exit(int(code))
    return _exit_code(process, seconds)


def _exit_code(process: int, seconds: float) -> int:
    give_up = time.monotonic() + seconds
    try:
        while time.monotonic() < give_up:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                with contextlib.suppress(ProcessLookupError):  # where it has left no server behind
                    os.killpg(process, signal.SIGKILL)
                return abs(os.waitstatus_to_exitcode(status))
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        _kill(process)
        raise
    _kill(process)
    return TIMED_OUT


def _kill(process: int) -> None:
    """Kill a run of tests with what it has started. SIGTERM would have pytest wait for what hangs."""
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve()
