"""Load, by programs of their own: h2load, which takes a fifth of the processor of Python, or our client.

h2load makes unary calls, all the same, and does not look at grpc-status: whoever uses it counts the rows
afterwards. The Python client does whatever `workload` knows.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.programs import output_of
from tests.benchmarks.report import median, percentile_99


@dataclass(frozen=True, slots=True)
class Load:
    """Calls a second, and the median and 99th percentile of their time in ms."""

    rate: float
    p50: float
    p99: float


def summarize(times: list[float], seconds: float) -> Load:
    """Return what calls that took these times, within so many seconds, come to."""
    return Load(len(times) / seconds, 1000 * median(times), 1000 * percentile_99(times))


def missing() -> str:
    """Return why there can be no load, or nothing."""
    return "" if shutil.which("h2load") else "h2load is not installed (nghttp2-client)"


async def drive(target: str, method: str, request: Any, calls: int, in_flight: int) -> Load:
    """Make `calls` calls of a method (`/package.Service/Method`), `in_flight` at a time."""
    connections = min(in_flight, 8)
    with tempfile.TemporaryDirectory() as directory:
        body, log = _write_body(directory, request), Path(directory, "log")
        process = await asyncio.create_subprocess_exec(
            "h2load",
            f"--requests={calls}",
            f"--clients={connections}",
            f"--max-concurrent-streams={in_flight // connections}",
            f"--data={body}",
            f"--log-file={log}",
            "--header=content-type: application/grpc",
            "--header=te: trailers",
            f"http://{target}{method}",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        if process.returncode or f"{calls} succeeded" not in output:
            raise RuntimeError(f"h2load failed:\n{output}")
        found = re.search(r"([\d.]+) req/s", output)
        assert found is not None
        times = _read_times(log)
        return Load(float(found[1]), median(times), percentile_99(times))


async def drive_client(target: str, operation: str, **options: float) -> Load:
    """Run `workload` with these options, and return what it saw."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.benchmarks.workload", target, operation, *arguments]
    return Load(**json.loads(await output_of(*command)))


def _write_body(directory: str, request: Any) -> Path:
    message = request.SerializeToString()
    body = Path(directory, "body")
    body.write_bytes(struct.pack(">BI", 0, len(message)) + message)
    return body


def _read_times(log: Path) -> list[float]:
    """Return the times of the calls in ms: the third column is in microseconds."""
    return [int(line.split("\t")[2]) / 1000 for line in log.read_text().splitlines()]
