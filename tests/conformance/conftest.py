"""The databases of the conformance suite: its many tests only read and write rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresDatabases


@pytest.fixture
async def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database with our schema, on each engine in turn."""
    if engine == "sqlite":
        yield await request.getfixturevalue("sqlite").fresh(tmp_path)
        return
    async with request.getfixturevalue("postgres").reused() as url:
        yield url


@pytest.fixture
async def postgres_url(postgres: PostgresDatabases) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database with our schema."""
    async with postgres.reused() as url:
        yield url
