from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import holdfast
from tests.unit.client.scripted import Script, serving


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    async with serving() as script:
        yield script


@pytest.fixture
async def client(script: Script) -> AsyncIterator[holdfast.AsyncClient]:
    async with holdfast.connect(script.target) as client:
        yield client
