"""Each test of this folder has a session to work in."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.ports import Store
from tests.support.content import create


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """A session `s`."""
    await create(store)
