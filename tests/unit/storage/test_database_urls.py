"""Which database URLs are ours, and how the others are refused."""

from __future__ import annotations

import pytest

from holdfastdb_server.storage.engines.opening import listen_url, parse_url
from holdfastdb_server.storage.options import StartupRefused, StorageOptions


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgresql://a:b@h:1/d", "postgresql+asyncpg"),
        ("postgres://a:b@h:1/d", "postgresql+asyncpg"),
        ("sqlite:///file.db", "sqlite+aiosqlite"),
    ],
)
def test_a_url_gets_its_driver(text: str, driver: str) -> None:
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no url", "cannot be read"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("mysql://h/d", "no storage on 'mysql'"),
    ],
)
def test_another_url_is_refused_with_what_it_should_be(text: str, why: str) -> None:
    with pytest.raises(StartupRefused, match=why):
        parse_url(text)


def test_the_url_to_listen_on_is_the_direct_one_where_there_is_one() -> None:
    pooled = StorageOptions("postgresql://a:b@pooler/d")
    assert listen_url(pooled) == "postgresql://a:b@pooler/d"
    direct = StorageOptions("postgresql://a:b@pooler/d", listen_url="postgres://a:p%40ss@h/d")
    assert listen_url(direct) == "postgresql://a:p%40ss@h/d"
