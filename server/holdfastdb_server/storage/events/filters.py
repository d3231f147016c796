"""Filters of events as conditions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from operator import eq, ge, lt
from typing import Any

import sqlalchemy as sa

from holdfastdb_server.storage.engines.base import Dialect
from holdfastdb_server.storage.query.filters import Compares, Conditions, HasMembers, HasPrefix, OneOf
from holdfastdb_server.storage.schema import events


def event_conditions(dialect: Dialect) -> Conditions:
    """Return what the fields of an EventFilter stand for."""
    return Conditions(
        dialect,
        {
            "types": _HasType(),
            "kinds": OneOf(events.c.kind),
            "actor": Compares(events.c.actor, eq),
            "run_id": Compares(events.c.run_id, eq),
            "task_id": Compares(events.c.task_id, eq),
            "trace_id": Compares(events.c.trace_id, eq),
            "labels": HasMembers(events.c.labels, indexed=False),
            "happened_from": Compares(events.c.event_time, ge),
            "happened_until": Compares(events.c.event_time, lt),
        },
    )


class _HasType:
    """Whether an event has one of the types, or begins as one of those that end with `.*`."""

    def shape(self, value: Sequence[str]) -> Hashable:
        types, prefixes = _split(value)
        return bool(types), tuple(map(_PREFIX.shape, prefixes))

    def build(
        self, dialect: Dialect, name: str, shape: tuple[bool, tuple[Hashable, ...]]
    ) -> sa.ColumnElement[bool]:
        has_types, prefixes = shape
        found = [_PREFIX.build(dialect, f"{name}_{place}", each) for place, each in enumerate(prefixes)]
        return sa.or_(*found, *([_TYPE.build(dialect, name, ())] if has_types else []))

    def params(self, dialect: Dialect, name: str, value: Sequence[str]) -> Mapping[str, Any]:
        types, prefixes = _split(value)
        params = dict(_TYPE.params(dialect, name, types)) if types else {}
        for place, prefix in enumerate(prefixes):
            params.update(_PREFIX.params(dialect, f"{name}_{place}", prefix))
        return params


_TYPE, _PREFIX = OneOf(events.c.type), HasPrefix(events.c.type)


def _split(value: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the whole types, and the prefixes."""
    types = [wanted for wanted in value if not wanted.endswith(".*")]
    return types, sorted({wanted[:-1] for wanted in value if wanted.endswith(".*")})
