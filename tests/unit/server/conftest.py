"""Fixtures of the server's unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.logging_state import logging_as_before


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    with logging_as_before():
        yield
