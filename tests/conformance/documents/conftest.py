"""Each test of this folder runs beside another tenant's documents of the same names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfastdb_server.domain.ports import Store
from tests.support.documents import draft, key, listed, sync

STRANGER = "stranger"


@pytest.fixture(autouse=True)
async def neighbours(store: Store) -> AsyncIterator[None]:
    """Another tenant's documents, each the child of the one before; no test changes one of them."""
    names = ["a", "b", "d", "p", "child", "0", "1", "far"]
    parents = [None, *map(key, names)]
    await sync(
        store,
        *(
            draft(name, '["word", "red", "old"]', parent=parent, labels={"env": "prod"}, metadata={"x": 1})
            for name, parent in zip(names, parents, strict=False)
        ),
        namespace=STRANGER,
    )
    await sync(store, draft(json="1", collection="a"), collection="a", namespace=STRANGER)
    before = await listed(store, namespace=STRANGER)
    yield
    assert await listed(store, namespace=STRANGER) == before
