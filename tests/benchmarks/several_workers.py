"""What a second worker gives: two processes on one port against one."""

from __future__ import annotations

from holdfastdb.v1 import session_service_pb2 as sessions
from tests.benchmarks.load import drive, missing
from tests.benchmarks.measures import APPEND, GET_SESSION, IN_FLIGHT, append_request
from tests.benchmarks.report import Line, Row, Skipped
from tests.benchmarks.rounds import alternate
from tests.benchmarks.stage import Stage
from tests.support.servers import ServerProcess


async def workers(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """Appends and batched reads. With two cores the second worker competes with the database and the load."""
    if reason := missing():
        return [Skipped("2 workers", reason)]
    await stage.client.sessions.create("bench-workers")
    pair = ServerProcess(stage.directory, stage.database_url, arguments=["--workers", "2"])
    rows: list[Line] = []
    try:
        await pair.start()
        for name, method, request in (
            ("append 1 KB", APPEND, append_request("bench-workers")),
            ("GetSession", GET_SESSION, sessions.GetSessionRequest(session_id="bench-workers")),
        ):

            async def rate(target: str, method: str = method, request: object = request) -> float:
                return (await drive(target, method, request, calls, IN_FLIGHT)).rate

            two, one = await alternate(rounds, lambda: rate(pair.target), lambda: rate(stage.server.target))
            rows.append(Row(f"{name}, {IN_FLIGHT} in flight, 2 workers", "calls/s", two, "1 worker", one))
    finally:
        await pair.stop()
    return rows
