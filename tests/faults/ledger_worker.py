"""A worker in a process of its own, to be killed: it writes the id of each task whose success the server
acknowledged to a file of its own.

    python -m tests.faults.ledger_worker TARGET NAME LEDGER
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import holdfastdb
from tests.support.waiting import patient

# Long enough for its extension to arrive in time.
LEASE = timedelta(seconds=patient(2))


async def work(target: str, name: str, ledger: Path) -> None:
    """Claim tasks and complete them, without end."""
    with ledger.open("a", buffering=1) as lines:
        async with holdfastdb.connect(target, timeout=patient(10)) as client:
            async for lease in client.tasks.work(kinds=["job"], worker_id=name, lease_duration=LEASE):
                try:
                    async with lease:
                        await lease.report(phase="half-way")
                        await lease.succeed({"by": name})
                except holdfastdb.LeaseNotHeld:
                    # The process was paused for longer than the lease: another worker has the task.
                    continue
                lines.write(f"{lease.task.task_id}\n")


def end_with_parent() -> None:
    """End when the test does, however that ends."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
