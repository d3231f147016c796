"""SessionStore.update."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from holdfastdb_server.domain.errors import InvalidField, SessionNotFound, VersionMismatch
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import Session, SessionChange, SessionStatus
from tests.support.content import NAMESPACE, create, history, move
from tests.support.sessions import FULL, change, update


async def test_an_update_changes_the_fields_and_raises_the_version_by_one(store: Store) -> None:
    created = await create(store, **FULL)
    updated = await update(store, change(title="new", user_id="eve"))
    assert updated.fields == replace(created.fields, title="new", user_id="eve")
    assert updated.version == 2
    assert updated.update_time > created.update_time
    assert updated.last_activity_time == updated.update_time
    assert updated.create_time == created.create_time
    assert await store.sessions.get(NAMESPACE, "s") == updated


async def test_an_update_leaves_status_and_history_alone(store: Store) -> None:
    await create(store)
    before = await move(store, "s", SessionStatus.ACTIVE)
    events = await history(store)
    after = await update(store, change(title="new"))
    assert (after.status, after.last_sequence) == (before.status, before.last_sequence)
    assert await history(store) == events


async def test_an_update_merges_what_is_not_replaced(store: Store) -> None:
    await create(
        store, labels={"a": "1", "b": "2"}, metadata={"x": {"p": 1, "q": 2}, "y": [1], "z": 0}, title="t"
    )
    wanted = change(labels={"b": "3", "c": "4"}, metadata={"x": {"q": None, "r": 3}, "y": [2], "z": None})
    fields = (await update(store, wanted)).fields
    assert fields.labels == {"a": "1", "b": "3", "c": "4"}
    assert fields.metadata == {"x": {"p": 1, "r": 3}, "y": [2]}
    assert fields.title == "t"


async def test_an_update_replaces_the_named_fields_whole(store: Store) -> None:
    await create(store, **FULL)
    wanted = change(
        replaced={"title", "labels", "metadata", "retention"}, labels={"only": "this"}, user_id="ignored"
    )
    fields = (await update(store, wanted)).fields
    assert (fields.title, fields.labels, fields.metadata) == ("", {"only": "this"}, {})
    assert fields.retention is None
    assert fields.user_id == FULL["user_id"]


@pytest.mark.parametrize(
    "wanted",
    [
        change(),
        change(title="t", labels={"a": "1"}, metadata={"x": 1}),
        change(metadata={"absent": None}),
        change(replaced={"title"}, title="t"),
        change(replaced=set()),
    ],
    ids=["empty", "same", "removes nothing", "replaces by the same", "replaces nothing"],
)
async def test_an_update_without_effect_changes_nothing(store: Store, wanted: SessionChange) -> None:
    before = await create(store, title="t", labels={"a": "1"}, metadata={"x": 1})
    assert await update(store, wanted) == before
    assert await store.sessions.get(NAMESPACE, "s") == before


async def test_updating_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await update(store, change(title="new"))


async def test_an_update_at_the_expected_version_succeeds(store: Store) -> None:
    await create(store)
    assert (await update(store, change(title="new"), expected=1)).version == 2


@pytest.mark.parametrize("expected", [0, 1, 3])
async def test_an_update_at_another_version_raises_version_mismatch(store: Store, expected: int) -> None:
    await create(store)
    before = await update(store, change(title="old"))
    with pytest.raises(VersionMismatch) as caught:
        await update(store, change(title="new"), expected=expected)
    assert caught.value.metadata == {
        "resource": "session",
        "id": "s",
        "expected": str(expected),
        "actual": "2",
    }
    assert await store.sessions.get(NAMESPACE, "s") == before


async def test_an_update_without_effect_still_needs_the_expected_version(store: Store) -> None:
    await create(store, title="t")
    with pytest.raises(VersionMismatch):
        await update(store, change(title="t"), expected=7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"labels": {f"a{n}": "" for n in range(40)}}, {"labels": {f"b{n}": "" for n in range(40)}}),
        ({"metadata": {"a": "x" * 40_000}}, {"metadata": {"b": "x" * 40_000}}),
    ],
    ids=["labels", "metadata"],
)
async def test_an_update_whose_result_passes_a_bound_raises_invalid_field(
    store: Store, first: dict[str, Any], second: dict[str, Any]
) -> None:
    before = await create(store, **first)
    with pytest.raises(InvalidField):
        await update(store, change(**second))
    assert await store.sessions.get(NAMESPACE, "s") == before


async def test_an_ended_session_can_be_updated(store: Store) -> None:
    await create(store)
    ended = await move(store, "s", SessionStatus.COMPLETED)
    updated = await update(store, change(title="looked at"))
    assert updated.fields.title == "looked at"
    assert updated.end_time == ended.end_time


async def test_of_many_updates_at_once_none_is_lost(store: Store) -> None:
    await create(store)
    await asyncio.gather(*(update(store, change(labels={f"l{n}": str(n)})) for n in range(16)))
    session = await store.sessions.get(NAMESPACE, "s")
    assert session.fields.labels == {f"l{n}": str(n) for n in range(16)}
    assert session.version == 17


async def test_of_many_updates_of_one_version_at_once_one_succeeds(store: Store) -> None:
    await create(store)
    results = await asyncio.gather(
        *(update(store, change(title=f"t{n}"), expected=1) for n in range(16)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Session)]
    assert len(made) == 1
    assert sum(isinstance(result, VersionMismatch) for result in results) == 15
    assert await store.sessions.get(NAMESPACE, "s") == made[0]
