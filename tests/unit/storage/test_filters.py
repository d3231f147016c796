"""Which texts begin with a prefix, of those that compare by bytes; queries by shape; scores; sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.full_text import FULL_WEIGHT, HALF_WEIGHT
from holdfastdb_server.storage.engines.sqlite import SqliteDialect
from holdfastdb_server.storage.query import cache
from holdfastdb_server.storage.query.cache import Queries
from holdfastdb_server.storage.query.filters import HasPrefix, after_prefix, has_prefix
from holdfastdb_server.storage.query.full_text import score
from holdfastdb_server.storage.query.sizes import searchable_size

_GREATEST = "\U0010ffff"
_TEXTS = ["", "A", "a", "ab", f"a{_GREATEST}", "b", "ba", _GREATEST, f"{_GREATEST}a"]
_table = sa.Table("texts", sa.MetaData(), sa.Column("text", sa.Text))


@pytest.mark.parametrize(
    ("prefix", "after"),
    [
        ("", None),
        ("a", "b"),
        ("az", "a{"),
        ("\U0010fffe", _GREATEST),
        (_GREATEST, None),
        (_GREATEST * 2, None),
        (f"a{_GREATEST}", "b"),
        (f"ab{_GREATEST}", "ac"),
        (f"ab{_GREATEST}{_GREATEST}", "ac"),
        ("a\ud7fe", "a\ud7ff"),
        # Surrogates are no text.
        ("a\ud7ff", "a\ue000"),
        ("a\ue000", "a\ue001"),
    ],
)
def test_the_text_after_all_with_a_prefix(prefix: str, after: str | None) -> None:
    assert after_prefix(prefix) == after


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    """A connection to a database with the texts."""
    with sa.create_engine("sqlite://", poolclass=sa.NullPool).connect() as connection:
        _table.create(connection)
        connection.execute(sa.insert(_table), [{"text": text} for text in _TEXTS])
        yield connection


@pytest.mark.parametrize("prefix", [text for text in _TEXTS if text])
def test_a_prefix_finds_the_texts_that_begin_with_it(connection: sa.Connection, prefix: str) -> None:
    condition, dialect = HasPrefix(_table.c.text), SqliteDialect()
    of_shape = condition.build(dialect, "prefix", condition.shape(prefix))
    params = condition.params(dialect, "prefix", prefix)
    for built, values in ((of_shape, params), (has_prefix(_table.c.text, prefix), {})):
        found = connection.scalars(sa.select(_table.c.text).where(built), values).all()
        assert found == [text for text in _TEXTS if text.startswith(prefix)]


def test_queries_are_built_again_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_CACHED", 2)
    queries: Queries[str] = Queries()
    built = []

    def get(shape: str) -> str:
        def build() -> str:
            built.append(shape)
            return shape

        return queries.get(shape, build)

    assert [get(shape) for shape in "ababcca"] == list("ababcca")
    assert built == ["a", "b", "c", "a"]


def test_a_score_is_the_share_of_the_words_that_a_row_has() -> None:
    assert score(FULL_WEIGHT, ["a"]) == 1
    assert score(HALF_WEIGHT, ["a"]) == 0.5
    assert score(FULL_WEIGHT, ["a", "b", "c", "d"]) == 0.25
    assert score(2 * FULL_WEIGHT, ["a", "b"]) == 1


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({}, 0),
        # The bytes of {"k":"é"}, and 10 for each value and each start of one: `{` and `:`.
        ({"k": "é"}, 10 + 2 * 10),
        ({"k": 1, "l": [2]}, 15 + 5 * 10),
    ],
)
def test_searchable_values_have_their_bytes_and_room_for_numbers(value: dict[str, Any], size: int) -> None:
    assert searchable_size(value) == size
