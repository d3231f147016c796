"""Filters as SQL: the conditions that their fields stand for, built once a shape.

Every value is a bind parameter, so that one statement serves all filters of a shape: the fields that are
set, and what else decides the statement's text, such as how many prefixes there are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import sqlalchemy as sa

from holdfastdb_server.domain.values import JsonScalar
from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.schema import sessions

NAMESPACE = sa.bindparam("namespace", type_=sa.Text)
"""The parameter that each statement over resources of a namespace has."""

Shape: TypeAlias = tuple[tuple[str, Hashable], ...]
"""The fields of a filter that are set, each with what of its value decides the statement's text."""


class Condition(Protocol):
    """What a field of a filter stands for, where it is set. Its parameters begin with the field's name."""

    def shape(self, value: Any) -> Hashable:
        """Return what of the value decides the text of the condition."""
        ...

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        """Return the condition for values of this shape."""
        ...

    def params(self, dialect: Dialect, name: str, value: Any) -> Mapping[str, Any]:
        """Return the parameters that give the condition this value."""
        ...


class Conditions:
    """The conditions of one kind of filter, by the names of its fields. A field that is empty sets none."""

    def __init__(self, dialect: Dialect, fields: Mapping[str, Condition]) -> None:
        self._dialect = dialect
        self._fields = fields

    def shape(self, where: object) -> Shape:
        """Return what two filters have in common that one statement serves."""
        return tuple((name, self._fields[name].shape(value)) for name, value in self._set(where))

    def build(self, shape: Shape) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that a row must meet, all of them."""
        return [self._fields[name].build(self._dialect, name, each) for name, each in shape]

    def params(self, where: object) -> dict[str, Any]:
        """Return the filter's values as the parameters of its conditions."""
        params: dict[str, Any] = {}
        for name, value in self._set(where):
            params.update(self._fields[name].params(self._dialect, name, value))
        return params

    def _set(self, where: object) -> Iterator[tuple[str, Any]]:
        for name in self._fields:
            if value := getattr(where, name):
                yield name, value


@dataclass(frozen=True, slots=True, eq=False)
class Compares:
    """Whether a column compares with the value as `compare` says, after `convert`."""

    column: sa.Column[Any]
    compare: Callable[[Any, Any], sa.ColumnElement[bool]]
    convert: Callable[[Any], Any] | None = None

    def shape(self, value: Any) -> Hashable:
        return ()

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        return self.compare(self.column, sa.bindparam(name))

    def params(self, dialect: Dialect, name: str, value: Any) -> Mapping[str, Any]:
        return {name: self.convert(value) if self.convert else value}


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """Whether a column has one of the values, however many."""

    column: sa.Column[Any]

    def shape(self, value: Sequence[Any]) -> Hashable:
        return ()

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        return self.column.in_(sa.bindparam(name))

    def params(self, dialect: Dialect, name: str, value: Sequence[Any]) -> Mapping[str, Any]:
        return {name: sorted(set(value))}


@dataclass(frozen=True, slots=True, eq=False)
class OwnedBy:
    """Whether a row belongs to the session with this id: by its key, which is indexed."""

    table: sa.Table

    def shape(self, value: str) -> Hashable:
        return ()

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        wanted = sa.bindparam(name, type_=sa.Text)
        owner = sa.select(sessions.c.key).where(sessions.c.namespace == NAMESPACE, sessions.c.id == wanted)
        return self.table.c.session_key == owner.scalar_subquery()

    def params(self, dialect: Dialect, name: str, value: str) -> Mapping[str, Any]:
        return {name: value}


@dataclass(frozen=True, slots=True, eq=False)
class HasMembers:
    """Whether a searchable column has all of these members. `indexed`: its table has an index for them."""

    column: sa.Column[Any]
    indexed: bool = True

    def shape(self, value: Mapping[str, JsonScalar]) -> Hashable:
        return tuple(map(type, value.values()))

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        return (dialect.contains if self.indexed else dialect.holds)(self.column, name, shape)

    def params(self, dialect: Dialect, name: str, value: Mapping[str, JsonScalar]) -> Mapping[str, Any]:
        return dialect.members(name, value)


@dataclass(frozen=True, slots=True, eq=False)
class HasPrefix:
    """Whether a text that compares by bytes begins so: as a range, which an index finds.

    LIKE would not do: it ignores case on SQLite.
    """

    column: sa.ColumnElement[str]

    def shape(self, value: str) -> Hashable:
        return after_prefix(value) is not None

    def build(self, dialect: Dialect, name: str, shape: Any) -> sa.ColumnElement[bool]:
        end = sa.bindparam(f"{name}_end", type_=sa.Text) if shape else None
        return _between(self.column, sa.bindparam(name), end)

    def params(self, dialect: Dialect, name: str, value: str) -> Mapping[str, Any]:
        end = after_prefix(value)
        return {name: value} if end is None else {name: value, f"{name}_end": end}


def has_prefix(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Return the condition of HasPrefix with the value in it, for a statement that is built each time."""
    return _between(column, prefix, after_prefix(prefix))


def _between(column: sa.ColumnElement[str], start: Any, end: Any) -> sa.ColumnElement[bool]:
    return column >= start if end is None else sa.and_(column >= start, column < end)


def after_prefix(prefix: str) -> str | None:
    """Return the least text greater than all with the prefix; None if there is none."""
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index])
        if point < 0x10FFFF:
            # Surrogates are no text: skip over them.
            return prefix[:index] + chr(0xE000 if point == 0xD7FF else point + 1)
    return None
