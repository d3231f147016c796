"""Transactions a second of a script, without anything of ours in between."""

from __future__ import annotations

import asyncio
import re

from tests.benchmarks.stage import Stage

_CLIENTS = 16


async def transactions_a_second(
    stage: Stage, url: str, script: str, transactions: int, protocol: str = "simple"
) -> float:
    """Run a script so many times with pgbench, by 16 clients."""
    path = stage.directory / "pgbench.sql"
    path.write_text(script)
    process = await asyncio.create_subprocess_exec(
        str(stage.cluster.programs / "pgbench"),
        "--no-vacuum",
        f"--client={_CLIENTS}",
        "--jobs=1",
        f"--protocol={protocol}",
        f"--transactions={transactions // _CLIENTS}",
        f"--file={path}",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    found = re.search(r"tps = ([\d.]+)", output.decode())
    if found is None:
        raise RuntimeError(f"pgbench failed:\n{errors.decode()}")
    return float(found[1])
