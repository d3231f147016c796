"""A campaign: each mutant of a sample against the tests that can see it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.mutants.equivalents import EQUIVALENTS, Equivalent
from tests.mutants.mutations import Mutation, mutations
from tests.mutants.targets import ROOT, Tests, name, selections
from tests.mutants.workshop import Outcome


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    module: Path
    source: str
    mutation: Mutation

    def __str__(self) -> str:
        change = self.mutation
        before, after = (" ".join(text.split())[:60] for text in (change.original, change.replacement))
        return f"{name(self.module)}:{change.line} {change.kind}: `{before}` -> `{after}`"


@dataclass(frozen=True, slots=True)
class Result:
    """What has become of a mutant. `killer` is the run of tests that failed or did not end.

    None: it survived.
    """

    mutant: Mutant
    killer: Outcome | None

    @property
    def is_killed(self) -> bool:
        """Whether a test has noticed it."""
        return self.killer is not None

    def __str__(self) -> str:
        if self.killer is None:
            return f"SURVIVED: {self.mutant}"
        how = "timed out" if self.killer.timed_out else "killed"
        return f"{how} in {self.killer.seconds:.0f} s by {' '.join(self.killer.tests)}: {self.mutant}"


class Runner(Protocol):
    """What is used of a Workshop."""

    def changed(self, module: Path, source: str) -> AbstractContextManager[None]:
        """Have another source in a module for as long as the block lasts."""
        ...

    def run(self, tests: Tests) -> Outcome:
        """Run some tests until one fails."""
        ...


def run(workshop: Runner, mutants: Sequence[Mutant], until: float) -> Iterator[Result]:
    """Yield what becomes of each mutant. None is begun after `until`, a moment of the monotonic clock."""
    for mutant in mutants:
        if time.monotonic() > until:
            return
        with workshop.changed(mutant.module, mutant.mutation.apply(mutant.source)):
            outcomes = (workshop.run(tests) for tests in selections(mutant.module))
            yield Result(mutant, next((outcome for outcome in outcomes if not outcome.passed), None))


def failing_unchanged(workshop: Runner, results: Iterable[Result]) -> list[Outcome]:
    """Return how those tests went that have killed a mutant, and fail on the unchanged code too."""
    killers = dict.fromkeys(result.killer.tests for result in results if result.killer is not None)
    return [outcome for tests in killers if not (outcome := workshop.run(tests)).passed]


def all_mutants(modules: Iterable[Path], known: Sequence[Equivalent] = EQUIVALENTS) -> list[Mutant]:
    """Return the mutants of some modules, but those that are known to change nothing."""
    sources = {module: (ROOT / module).read_text() for module in modules}
    return [
        Mutant(module, source, mutation)
        for module, source in sources.items()
        for mutation in mutations(source)
        if not any(one.covers(module, source, mutation) for one in known)
    ]
