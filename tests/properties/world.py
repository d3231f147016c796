"""A store that a property is tried on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from holdfastdb_server.domain.ports import Store
from tests.support.stores import StoreOpener


class World:
    """A store for synchronous examples, each of which has a namespace of its own."""

    def __init__(self, store: Store, run: Callable[..., Any]) -> None:
        self.store = store
        self.run = run
        self._numbers = count(1)

    def namespace(self) -> str:
        """Return a namespace in which there is nothing."""
        return f"example-{next(self._numbers)}"


@pytest.fixture
def world(database_url: str, store_options: dict[str, Any]) -> Iterator[World]:
    """A started store on each engine in turn."""
    opener = StoreOpener(database_url, **store_options)
    with asyncio.Runner() as runner:
        yield World(runner.run(opener()), runner.run)
        runner.run(opener.close())
