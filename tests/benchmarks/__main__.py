"""Run the benchmarks: `make bench`, or `python -m tests.benchmarks [--quick] [--only NAME ...]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.measures import MEASURES
from tests.benchmarks.outage import recording
from tests.benchmarks.partitions import partitions
from tests.benchmarks.peers.measure import peers
from tests.benchmarks.report import Line, Skipped, show
from tests.benchmarks.scale import scale
from tests.benchmarks.several_workers import workers
from tests.benchmarks.soak import soak
from tests.benchmarks.sqlite import on_sqlite
from tests.benchmarks.stage import Stage, set_up
from tests.benchmarks.upkeep import upkeep

Measure = Callable[[Stage, int, int], Awaitable[list[Line]]]
_NOT_QUICK = ("peers", "scale")
_ONLY_NAMED = ("partitions", "upkeep", "soak")


async def run(measures: dict[str, Measure], rounds: int, calls: int) -> list[Line]:
    """Take the measures, and return their lines."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        async with set_up(Path(directory)) as stage:
            for name, measure in measures.items():
                print(f"measuring {name} ...", file=sys.stderr, flush=True)
                lines += await measure(stage, rounds, calls)
    return lines


def main() -> None:
    """Take the measures that the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and calls: under 3 minutes")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help=f"these; {', '.join(_ONLY_NAMED)} run only so"
    )
    parser.add_argument("--sessions", type=int, default=100_000, help="of `scale`, `partitions` and `upkeep`")
    parser.add_argument("--minutes", type=float, default=10, help="of `soak`")
    given = parser.parse_args()
    measures: dict[str, Measure] = {
        **MEASURES,
        "workers": workers,
        "sqlite": on_sqlite,
        "peers": peers,
        "scale": partial(scale, sessions=given.sessions),
        "partitions": partial(partitions, sessions=given.sessions),
        "upkeep": partial(upkeep, sessions=given.sessions),
        "soak": partial(soak, minutes=given.minutes),
        # Last, for it stops the database.
        "recorder": recording,
    }
    if unknown := set(given.only or ()) - set(measures):
        parser.error(f"no measure {', '.join(sorted(unknown))}; there are {', '.join(measures)}")
    left_out = _NOT_QUICK if given.quick and not given.only else ()
    chosen = given.only or [name for name in measures if name not in (*left_out, *_ONLY_NAMED)]
    rounds, calls = (3, 8_000) if given.quick else (5, 24_000)
    lines = asyncio.run(run({name: measures[name] for name in chosen}, rounds, calls))
    lines += [Skipped(name, "not part of the quick run") for name in left_out]
    show(lines, rounds)


if __name__ == "__main__":
    main()
