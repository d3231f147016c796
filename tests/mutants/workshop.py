"""A copy of the repository in which one module at a time is changed, and tests are run."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

from tests.mutants.targets import ROOT, Tests

_SECONDS, _SECONDS_OF_A_TEST = 900.0, 120
"""How long all and each may take before their mutant counts as killed, on a busy machine."""
_NO_TESTS = 5
"""Exit code of pytest."""


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
        self._seed = seed
        for file in _files():
            target = directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, target)
        # Held against the source by its content: a changed one may have the same size and second.
        mode = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(directory, quiet=1, invalidation_mode=mode)
        paths = [str(directory / "server"), str(directory / "client" / "python")]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        self._environment = {
            **inherited,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOLDFAST_TEST_DATABASE_URL": database_url,
        }

    def source(self, module: Path) -> str:
        """Return a module's source."""
        return (self._directory / module).read_text()

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
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=short"]
        command += [
            "-o",
            f"faulthandler_timeout={_SECONDS_OF_A_TEST}",
            "-o",
            "faulthandler_exit_on_timeout=true",
        ]
        command += [f"--hypothesis-seed={self._seed}", *tests]
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=_SECONDS)
            timed_out = False
        except subprocess.TimeoutExpired:
            # SIGTERM would have pytest wait for what hangs; whatever it has started goes with it.
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            timed_out = True
        if process.returncode == _NO_TESTS:
            raise RuntimeError(f"there are no tests in {' '.join(tests)}")
        passed = process.returncode == 0
        return Outcome(tests, passed, timed_out, time.monotonic() - began, output)


def _files() -> list[Path]:
    """Return the files of the repository, those not committed yet too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
