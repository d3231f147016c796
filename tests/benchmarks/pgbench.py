"""Transactions a second of a script, without anything of ours in between."""

from __future__ import annotations

import re

from tests.benchmarks.programs import output_of
from tests.benchmarks.stage import Stage

_CLIENTS = 16


async def transactions_a_second(
    stage: Stage, url: str, script: str, transactions: int, protocol: str = "simple"
) -> float:
    """Run a script so many times with pgbench, by 16 clients."""
    path = stage.directory / "pgbench.sql"
    path.write_text(script)
    output = await output_of(
        str(stage.cluster.programs / "pgbench"),
        "--no-vacuum",
        f"--client={_CLIENTS}",
        "--jobs=1",
        f"--protocol={protocol}",
        f"--transactions={transactions // _CLIENTS}",
        f"--file={path}",
        url,
    )
    found = re.search(r"tps = ([\d.]+)", output)
    if found is None:
        raise RuntimeError(f"pgbench told no rate:\n{output}")
    return float(found[1])
