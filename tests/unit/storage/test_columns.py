"""Column types: what is stored of a value, and what is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import (
    JsonbText,
    JsonText,
    Micros,
    Searchable,
    dump_searchable,
    from_micros,
    load_searchable,
    to_micros,
)


def test_times_are_stored_as_microseconds_since_1970() -> None:
    for micros, time in [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (86_400_000_001, datetime(1970, 1, 2, 0, 0, 0, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ]:
        assert (to_micros(time), from_micros(micros)) == (micros, time)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"k": "v", "ö": [1, 2.5, True, None]}, '{"k":"v","ö":[1,2.5,true,null]}'),
        ({}, "{}"),
        (None, "{}"),
    ],
)
def test_a_searchable_object_is_text_without_spaces_and_escapes(
    value: dict[str, Any] | None, text: str
) -> None:
    assert dump_searchable(value) == text
    assert load_searchable(text) == (value or {})


def test_no_searchable_object_is_read_as_an_empty_one() -> None:
    assert load_searchable(None) == {}


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Micros(), datetime(2024, 1, 1, tzinfo=UTC)),
        (JsonText(), "{}"),
        (JsonbText(), "{}"),
        (Searchable(), {"a": "b"}),
    ],
    ids=repr,
)
def test_a_statement_with_such_a_column_is_compiled_once(type_: Any, value: object) -> None:
    compiled: dict[Any, Any] = {}
    engine = sa.create_engine("sqlite://", execution_options={"compiled_cache": compiled})
    with engine.connect() as connection:
        for _ in range(2):
            assert connection.scalar(sa.select(sa.bindparam(None, value, type_=type_))) == value
    engine.dispose()
    assert len(compiled) == 1
