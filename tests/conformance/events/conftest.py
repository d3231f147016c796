"""Each test of this folder has a session to work in, beside others with events of the same ids."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.ports import Store
from tests.support.content import NAMESPACE, append, create, message, note, notes


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """A session `s`; one made before and one after it, and one of another tenant, that no test names."""
    await _neighbour(store, "first", NAMESPACE)
    await create(store)
    await _neighbour(store, "last", NAMESPACE)
    await _neighbour(store, "s", "stranger")


async def _neighbour(store: Store, session_id: str, namespace: str) -> None:
    await create(store, session_id, namespace=namespace)
    events = [*notes(12), note("x", "another's", actor="a", run_id="r"), message("another's")]
    await append(store, *events, session_id=session_id, namespace=namespace)
