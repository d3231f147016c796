"""Programs that a benchmark runs to their end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def output_of(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a program in the project's directory; return what it prints. Raises RuntimeError if it fails.

    `environment` is added to ours.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=pipe, stderr=pipe
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors.decode()}")
    return output.decode()
