"""Column types that mean the same on every engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(time: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the aware time, in UTC, of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


class Micros(TypeDecorator[datetime]):
    """An aware datetime in UTC: timestamptz, or integer microseconds since 1970 on SQLite.

    Integers, because SQLite's datetimes drop the zone and compare as text.
    """

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def bind_processor(self, dialect: Dialect) -> Any:
        """See TypeDecorator. None where nothing is converted: SQLAlchemy then skips the values."""
        if dialect.name == "postgresql":
            return None
        return lambda time: None if time is None else to_micros(time)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        if dialect.name == "postgresql":
            # asyncpg stores the first and the last datetime as infinity, and returns them without a zone.
            return lambda time: time if time is None or time.tzinfo else time.replace(tzinfo=UTC)
        return lambda micros: None if micros is None else from_micros(micros)


class JsonText(UserDefinedType[str]):
    """JSON that is stored character for character: `json`, never `jsonb`; text on SQLite."""

    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "JSON"


class Searchable(TypeDecorator[dict[str, Any]]):
    """A JSON object that is searched: jsonb, or text on SQLite."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JsonbText())
        return dialect.type_descriptor(sa.Text())

    def bind_processor(self, dialect: Dialect) -> Any:
        return dump_searchable

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return load_searchable


class JsonbText(UserDefinedType[str]):
    """jsonb as the text that it is sent as."""

    cache_ok = True

    def get_col_spec(self, **kw: object) -> str:
        return "JSONB"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dump_searchable(value: dict[str, Any] | None) -> str:
    """Return a JSON object as text."""
    return _encode(value) if value else "{}"


def load_searchable(text: str | None) -> dict[str, Any]:
    """Return the JSON object in a text; an empty one for the NULL of an outer join."""
    if text is None or text == "{}":
        return {}
    value: dict[str, Any] = json.loads(text)
    return value


def text_key(name: str, **options: Any) -> sa.Column[str]:
    """Return a text column that compares by bytes on every engine, as keys must."""
    collated = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, collated, **options)


def given_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns that an insertion gives values to: all but a key that the engine makes."""
    return [column for column in table.columns if column.identity is None]


def singular(table: sa.Table) -> str:
    """What one of the table's rows is called: `session` of `sessions`, `memory` of `memories`."""
    name: str = table.name
    return f"{name.removesuffix('ies')}y" if name.endswith("ies") else name.removesuffix("s")
