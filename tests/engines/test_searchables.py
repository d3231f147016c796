"""Which objects have the wanted members: the same ones by an index and by the row's own object."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage import schema
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import create

OBJECTS: dict[str, dict[str, Any]] = {
    "text": {"a": "b", "n": 1},
    "other text": {"a": "c", "n": 1, "b": "b"},
    "other name": {"x": "b"},
    "number": {"a": 1},
    "text of a number": {"a": "1"},
    "fraction": {"a": 1.5},
    "true": {"a": True},
    "false": {"a": False},
    "null": {"a": None},
    "text of null": {"a": "null"},
    "text of true": {"a": "true"},
    "list": {"a": ["b", 1, None]},
}


@pytest.mark.parametrize("way", ["contains", "holds"])
async def test_an_object_has_all_wanted_members(store: SqlStore, way: str) -> None:
    for name, members in OBJECTS.items():
        await create(store, name, metadata=members)
    await create(store, "labels", labels={"a": "b"})
    dialect = store._database.dialect
    sessions = schema.sessions.c

    async def found(wanted: dict[str, Any]) -> list[str]:
        types = [type(value) for value in wanted.values()]
        condition = getattr(dialect, way)(sessions.metadata, "wanted", types)
        query = sa.select(sessions.id).where(condition).order_by(sessions.key)
        params = dialect.members("wanted", wanted)
        return list(await store._database.read(lambda c: c.scalars(query, params)))

    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"a": "b"}, ["text"]),
        ({"n": 1}, ["text", "other text"]),
        ({"a": "c", "n": 1}, ["other text"]),
        ({"a": "b", "n": 2}, []),
        ({"a": 1}, ["number"]),
        ({"a": "1"}, ["text of a number"]),
        ({"a": 1.5}, ["fraction"]),
        ({"a": True}, ["true"]),
        ({"a": False}, ["false"]),
        ({"a": None}, ["null"]),
        ({"a": "null"}, ["text of null"]),
        ({"a": "true"}, ["text of true"]),
        ({"y": "b"}, []),
    ]
    for wanted, names in cases:
        assert await found(wanted) == names, wanted
