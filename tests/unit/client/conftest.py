from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import holdfastdb
from tests.unit.client.scripted import Script, serving


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with serving() as script:
        yield script


@pytest.fixture
async def client(script: Script) -> AsyncIterator[holdfastdb.AsyncClient]:
    async with holdfastdb.connect(script.target) as client:
        yield client
