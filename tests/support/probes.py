"""What a server process shows from outside: its metrics."""

from __future__ import annotations

import asyncio
import re
from urllib.request import urlopen

from tests.support.servers import ServerProcess
from tests.support.waiting import PATIENCE, eventually


async def metrics(server: ServerProcess) -> dict[str, float]:
    """Return the metrics of a server, by name and labels as they are written. Its banner says where."""
    text = await asyncio.to_thread(_fetch, re.findall(r"http://\S+/metrics", server.log)[-1])
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def until_no_tail_is_open(server: ServerProcess) -> None:
    """Wait until the server has noticed that all its tails are closed."""

    async def is_quiet() -> bool:
        return (await metrics(server))["holdfast_tails_open"] == 0

    await eventually(is_quiet, "all tails are closed")


def _fetch(url: str) -> str:
    with urlopen(url, timeout=PATIENCE) as answer:
        return bytes(answer.read()).decode()
