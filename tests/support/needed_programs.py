"""`@pytest.mark.needs("program")`: without the program the test is skipped; with CI=true it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail the test if a program that it needs is not on the PATH."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                # A skip that nobody looks at would let what the test holds break unseen.
                refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
                refuse(f"{program} is not on the PATH")
