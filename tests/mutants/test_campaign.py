"""A campaign: what becomes of mutants, and what is said of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mutants.campaign import Mutant, Result, all_mutants, failing_unchanged, run
from tests.mutants.equivalents import EQUIVALENTS, Equivalent
from tests.mutants.mutations import mutations
from tests.mutants.report import report
from tests.mutants.targets import PACKAGE, Tests, modules, selections
from tests.mutants.workshop import Outcome, Workshop

MODULE = PACKAGE / "domain" / "ids.py"
SOURCE = "x = a < b\ny = not c\n"


class Reader:
    """Fails, in the last tests of a module, when its source does not contain a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._source = SOURCE
        self.runs: list[Tests] = []

    @contextmanager
    def changed(self, module: Path, source: str) -> Iterator[None]:
        """See Runner."""
        self._source = source
        yield
        self._source = SOURCE

    def run(self, tests: Tests) -> Outcome:
        """See Runner."""
        self.runs.append(tests)
        passed = self._text in self._source or tests != selections(MODULE)[-1]
        return Outcome(tests, passed, False, 1.0, "")


@pytest.fixture
def mutants() -> list[Mutant]:
    """Two mutants."""
    return [Mutant(MODULE, SOURCE, mutation) for mutation in mutations(SOURCE)]


def test_a_mutant_is_killed_by_the_first_tests_that_fail(mutants: list[Mutant]) -> None:
    reader = Reader("a < b")
    killed, survivor = run(reader, mutants, math.inf)
    assert (killed.is_killed, survivor.is_killed) == (True, False)
    assert killed.killer is not None
    assert killed.killer.tests == selections(MODULE)[-1]
    assert reader.runs == selections(MODULE) * 2


def test_none_is_begun_when_the_time_is_over(mutants: list[Mutant]) -> None:
    assert list(run(Reader(""), mutants, -math.inf)) == []


def test_tests_that_fail_on_the_unchanged_code_too_are_told(mutants: list[Mutant]) -> None:
    (killed, survived) = mutants
    killer = Outcome(selections(MODULE)[-1], False, False, 1.0, "")
    results = [Result(killed, killer), Result(killed, killer), Result(survived, None)]
    sound, broken = Reader(SOURCE), Reader("no such text")
    assert failing_unchanged(sound, results) == []
    assert sound.runs == [killer.tests]
    assert [outcome.tests for outcome in failing_unchanged(broken, results)] == [killer.tests]


def test_the_report_counts_each_room_and_shows_what_survived(mutants: list[Mutant]) -> None:
    killer = Outcome(("tests/unit",), False, True, 9.0, "")
    first, second = mutants
    text = report([Result(first, killer), Result(second, None)])
    assert text == textwrap.dedent(
        """\
        module                       mutants  killed  survived
        domain/ids                         2       1         1
        all                                2       1         1
        Of the killed 1 did not come to an end in time.

        --- server/holdfastdb_server/domain/ids.py
        +++ server/holdfastdb_server/domain/ids.py (removed not)
        @@ -1,2 +1,2 @@
         x = a < b
        -y = not c
        +y = (c)
        """
    )


def test_an_equivalent_mutant_is_drawn_no_more(mutants: list[Mutant]) -> None:
    known = Equivalent("domain/ids.py", "y = not c", "nobody reads y")
    assert [known.covers(mutant.module, mutant.source, mutant.mutation) for mutant in mutants] == [
        False,
        True,
    ]
    other = Equivalent("domain/ids.py", "y = not c", "nobody reads y", replacement="z")
    assert not other.covers(mutants[1].module, SOURCE, mutants[1].mutation)


def test_every_known_equivalent_is_still_there() -> None:
    drawn = all_mutants(modules(), known=())
    for known in EQUIVALENTS:
        assert any(known.covers(mutant.module, mutant.source, mutant.mutation) for mutant in drawn), known


@pytest.mark.slow
def test_tests_are_run_on_the_changed_module(tmp_path: Path) -> None:
    tests = ("tests/unit/domain/test_merge_patch.py",)
    module = PACKAGE / "domain" / "merge_patch.py"
    with Workshop(tmp_path, "", seed=1) as workshop:
        assert workshop.run(tests).passed
        with workshop.changed(module, "raise RuntimeError"):
            assert not workshop.run(tests).passed
        assert workshop.run(tests).passed
