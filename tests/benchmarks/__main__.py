"""Run the benchmarks: `make bench`, or `python -m tests.benchmarks [--quick] [--only NAME ...]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measures import MEASURES
from tests.benchmarks.report import Row, Skipped, show
from tests.benchmarks.stage import set_up


async def run(names: list[str], rounds: int, calls: int) -> list[Row | Skipped]:
    """Take the measures, and return their rows."""
    rows: list[Row | Skipped] = []
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as directory:
        async with set_up(Path(directory)) as stage:
            for name in names:
                print(f"measuring {name} ...", file=sys.stderr, flush=True)
                rows += await MEASURES[name](stage, rounds, calls)
    return rows


def main() -> None:
    """Take the measures that the command line asks for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and calls: under 3 minutes")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES), metavar="NAME")
    arguments = parser.parse_args()
    rounds, calls = (3, 8_000) if arguments.quick else (5, 24_000)
    show(asyncio.run(run(arguments.only, rounds, calls)), rounds)


if __name__ == "__main__":
    main()
