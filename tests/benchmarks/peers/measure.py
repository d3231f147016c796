"""Our appends against those of the peers: 32 writers, 1 KB each, on the same PostgreSQL."""

from __future__ import annotations

import json
import sys

from tests.benchmarks.peers.environments import REQUIREMENTS, NotInstalled, interpreter
from tests.benchmarks.programs import output_of
from tests.benchmarks.report import Line, Row, Skipped
from tests.benchmarks.rounds import alternate
from tests.benchmarks.stage import Stage

_WRITERS = 32
_PEERS = {
    "google_adk": ("ADK DatabaseSessionService", 10.0),
    "langgraph": ("LangGraph AsyncPostgresSaver", 6.0),
    "openai_agents": ("OpenAI Agents SQLAlchemySession", 8.0),
}


async def peers(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Our appends through one Python client against the writes of each peer.

    Whoever writes has a process of its own. Ours shares the processors with a server too; what this client
    can do at most is seen at a server that does nothing.
    """
    url = await stage.make_database("peers")

    async def ours() -> float:
        return await _rate(sys.executable, "ours", stage.server.target, calls // 4)

    async def bare() -> float:
        return await _rate(sys.executable, "ours", stage.bare, calls // 4)

    mine, most = await alternate(min(rounds, 3), ours, bare)
    name = f"append 1 KB by {_WRITERS} writers, one Python client"
    rows: list[Line] = [Row(name, "writes/s", mine, "the same client, bare grpc.aio server", most)]
    for peer, (title, bar) in _PEERS.items():
        against = f"{name}, against {REQUIREMENTS[peer][0]}"
        try:
            python = await interpreter(peer)
        except NotInstalled as error:
            rows.append(Skipped(against, str(error)))
            continue

        async def theirs(peer: str = peer, python: str = python) -> float:
            return await _rate(python, peer, url, calls // 20)

        mine, other = await alternate(min(rounds, 3), ours, theirs)
        rows.append(Row(against, "writes/s", mine, title, other, bar, "at least"))
    return rows


async def _rate(python: str, writer: str, where: str, operations: int) -> float:
    command = [python, "-m", f"tests.benchmarks.peers.{writer}", where, str(_WRITERS), str(operations)]
    rate: float = json.loads((await output_of(*command)).splitlines()[-1])["rate"]
    return rate
