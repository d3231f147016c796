"""How long a Recorder holds up its agents while the database is stopped."""

from __future__ import annotations

import asyncio

import holdfastdb
from tests.benchmarks.report import Line, Row
from tests.benchmarks.stage import Stage
from tests.support.recording_agents import RecordingAgents

_STOPPED_SECONDS = 20
_AGENTS, _PACE = 4, 0.02


async def recording(stage: Stage, rounds: int, calls: int) -> list[Line]:
    """The longest that a call of `record` takes, with the database stopped for 20 s in the middle.

    Afterwards all events must be there once, in order.
    """
    recorder = holdfastdb.Recorder(stage.server.target, create_sessions=True)
    with holdfastdb.connect_sync(stage.server.target) as client:
        with RecordingAgents(recorder, _AGENTS, _PACE) as agents:
            await asyncio.sleep(2)
            await asyncio.to_thread(stage.cluster.stop)
            await asyncio.sleep(_STOPPED_SECONDS)
            await asyncio.to_thread(stage.cluster.start)
            await asyncio.sleep(2)
        if not await asyncio.to_thread(recorder.close, 60):
            raise RuntimeError(f"not all events were written: {recorder.stats}")
        await asyncio.to_thread(agents.check, client)
    for server in (stage.server, stage.second_server):
        await server.until_serving()
    events = sum(agents.recorded.values())
    name = f"greatest delay of {events:,} records, database stopped for {_STOPPED_SECONDS} s"
    return [Row(name, "ms", 1000 * agents.greatest_delay, "", 10, 1, "at most")]
