"""`python -m tests.mutants`: run the tests against a sample of mutants, and report those that survive."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.campaign import Result, all_mutants, failing_unchanged, run
from tests.mutants.report import report
from tests.mutants.targets import modules
from tests.mutants.workshop import Outcome, Workshop
from tests.support.postgres import PostgresCluster


def main() -> int:
    """Return 1 when more than a tenth survive, or the tests that killed others fail without them too."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="mutants at most (100)")
    parser.add_argument("--minutes", type=float, default=60, help="begin none after so many minutes (60)")
    parser.add_argument("--seed", type=int, default=None, help="draw the sample of an earlier run again")
    parser.add_argument("--only", default="", help="mutate modules whose path contains this")
    parser.add_argument("--list", action="store_true", help="print the sample, and run nothing")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    mutants = all_mutants(modules(options.only))
    drawn = random.Random(seed).sample(mutants, min(options.sample, len(mutants)))
    sys.stdout.write(f"{len(drawn)} of {len(mutants)} mutants, --seed {seed}\n")
    if options.list:
        sys.stdout.writelines(f"{mutant}\n" for mutant in drawn)
        return 0
    os.nice(10)
    results: list[Result] = []
    failing: list[Outcome] = []
    cluster = PostgresCluster()
    directory = Path(tempfile.mkdtemp(prefix="holdfast-mutants-"))
    try:
        cluster.start()
        with Workshop(directory, cluster.url, seed) as workshop:
            for result in run(workshop, drawn, time.monotonic() + options.minutes * 60):
                results.append(result)
                sys.stdout.write(f"[{len(results)}/{len(drawn)}] {result}\n")
                sys.stdout.flush()
            sys.stdout.write("the tests that killed mutants run on the unchanged code\n")
            sys.stdout.flush()
            failing = failing_unchanged(workshop, results)
    finally:
        cluster.remove()
        shutil.rmtree(directory, ignore_errors=True)  # what an interrupted test has started may still write
        sys.stdout.write(report(results))
    for outcome in failing:
        sys.stdout.write(f"FAIL on the unchanged code: {' '.join(outcome.tests)}\n{outcome.output}\n")
    survived = sum(not result.is_killed for result in results)
    return int(survived * 10 > len(results) or bool(failing))


if __name__ == "__main__":
    sys.exit(main())
