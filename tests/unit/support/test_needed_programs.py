"""A test that needs a missing program says so, and continuous integration does not pass over it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest

@pytest.mark.needs("python3", "no-such-program")
def test_without():
    pass

@pytest.mark.needs("python3")
def test_with():
    pass
"""


@pytest.mark.parametrize(("ci", "code", "outcome"), [("", 0, "SKIPPED"), ("true", 1, "ERROR")])
def test_a_test_without_its_program_is_skipped_and_fails_in_ci(
    tmp_path: Path, ci: str, code: int, outcome: str
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-ra", "-c", os.devnull, "-p", "tests.support.needed_programs"]
    done = subprocess.run(
        [*command, "--rootdir", tmp_path, tmp_path / "test_some.py"],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert f"\n{outcome} " in done.stdout
    assert "no-such-program is not on the PATH" in done.stdout
    assert "1 passed" in done.stdout
