"""Each test of this folder has a session to work in, beside others with states of the same keys."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.ports import Store
from tests.support.content import NAMESPACE, create, save, write


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """A session `s`; one made before and one after it, and one of another tenant, that no test names."""
    await _neighbour(store, "first", NAMESPACE)
    await create(store)
    await _neighbour(store, "last", NAMESPACE)
    await _neighbour(store, "s", "stranger")


async def _neighbour(store: Store, session_id: str, namespace: str) -> None:
    await create(store, session_id, namespace=namespace)
    for _ in range(2):
        keys = ("a", "b", "default", "k", "k1", "other")
        writes = [write(key, '{"of": "another"}', run_id="r") for key in keys]
        await save(store, *writes, session_id=session_id, namespace=namespace)
