"""A copy of the repository in which one module at a time is changed, and tests are run."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from types import TracebackType
from typing import Self

from tests.mutants.targets import ROOT, Tests
from tests.mutants.warm import TIMED_OUT

_SECONDS, _SECONDS_OF_A_TEST = 900.0, 120
"""How long all and each may take before their mutant counts as killed, on a busy machine."""
_PASSED, _NO_TESTS = 0, 5
"""Exit codes of pytest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How some tests went."""

    tests: Tests
    passed: bool
    timed_out: bool
    seconds: float
    output: str


class Workshop:
    """The copy, in an empty `directory`. The tests in it use the PostgreSQL of `database_url`."""

    def __init__(self, directory: Path, database_url: str, seed: int) -> None:
        self._directory = directory
        self._output = directory / "output-of-tests"
        self._options = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=no"]
        self._options += ["-o", f"faulthandler_timeout={_SECONDS_OF_A_TEST}"]
        self._options += ["-o", "faulthandler_exit_on_timeout=true", f"--hypothesis-seed={seed}"]
        for file in _files():
            target = directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, target)
        # Held against the source by its content: a changed one may have the same size and second.
        mode = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(directory / "server", quiet=1, invalidation_mode=mode)
        paths = [str(directory / "server"), str(directory / "client" / "python")]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        added = {"PYTHONPATH": os.pathsep.join(paths), "HOLDFAST_TEST_DATABASE_URL": database_url}
        self._warm = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.warm"],
            cwd=directory,
            env={**inherited, **added},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:  # with the tests that are under way; otherwise it ends with its input
            self._warm.send_signal(signal.SIGINT)
        self._warm.communicate()

    @contextmanager
    def changed(self, module: Path, source: str) -> Iterator[None]:
        """Have another source in a module for as long as the block lasts."""
        file = self._directory / module
        before = file.read_text()
        file.write_text(source)
        try:
            yield
        finally:
            file.write_text(before)

    def run(self, tests: Tests) -> Outcome:
        """Run some tests until one fails, or takes too long, or all of them do."""
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        began = time.monotonic()
        self._warm.stdin.write(json.dumps([[*self._options, *tests], _SECONDS, str(self._output)]) + "\n")
        self._warm.stdin.flush()
        code = int(self._warm.stdout.readline())
        if code == _NO_TESTS:
            raise RuntimeError(f"there are no tests in {' '.join(tests)}")
        seconds = time.monotonic() - began
        return Outcome(tests, code == _PASSED, code == TIMED_OUT, seconds, self._output.read_text())


def _files() -> list[Path]:
    """Return the files of the repository, those not committed yet too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
