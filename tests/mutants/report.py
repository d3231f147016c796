"""The report of a campaign: a table, and a diff of each survivor."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tests.mutants.campaign import Mutant, Result
from tests.mutants.targets import room


def report(results: Sequence[Result]) -> str:
    """Return it as text."""
    rooms = sorted({room(result.mutant.module) for result in results})
    lines = [f"{'module':<28}{'mutants':>8}{'killed':>8}{'survived':>10}"]
    for name in [*rooms, "all"]:
        of_room = [result for result in results if name in ("all", room(result.mutant.module))]
        killed = sum(result.is_killed for result in of_room)
        lines.append(f"{name:<28}{len(of_room):>8}{killed:>8}{len(of_room) - killed:>10}")
    timed_out = sum(result.killer is not None and result.killer.timed_out for result in results)
    lines.append(f"Of the killed {timed_out} did not come to an end in time.")
    survivors = [diff(result.mutant) for result in results if not result.is_killed]
    return "\n".join(lines) + "\n" + "".join(f"\n{text}" for text in survivors)


def diff(mutant: Mutant) -> str:
    """Return what a mutant changes."""
    path = mutant.module.as_posix()
    before = mutant.source.splitlines(keepends=True)
    after = mutant.mutation.apply(mutant.source).splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, path, f"{path} ({mutant.mutation.kind})", n=2))
