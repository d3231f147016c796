"""SessionStore: create, get and delete."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfastdb_server.domain.errors import IdTaken, SessionNotFound, StateNotFound, VersionMismatch
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import Session, SessionFields, SessionStatus
from tests.support.content import NAMESPACE, append, create, draft, history, move, notes, save, write
from tests.support.sessions import FULL, change, update

OTHER: dict[str, Any] = {
    "user_id": "bob",
    "agent_id": "coder",
    "task_id": "task-8",
    "title": "other",
    "labels": {"env": "test"},
    "metadata": {"count": 4},
    "retention": "never",
}


async def test_a_new_session_is_pending_at_version_1_and_sequence_0(store: Store) -> None:
    session = await create(store)
    assert session.status is SessionStatus.PENDING
    assert (session.version, session.last_sequence) == (1, 0)
    assert (session.status_reason, session.parent_session_id) == ("", "")
    assert (session.fork_sequence, session.end_time) == (None, None)


async def test_a_new_session_has_the_fields_of_its_draft(store: Store) -> None:
    session = await create(store, **FULL)
    assert session.session_id == "s"
    assert session.fields == SessionFields(**FULL)


async def test_a_new_session_has_the_time_of_its_creation(store: Store) -> None:
    before = datetime.now(UTC)
    session = await create(store)
    assert before <= session.create_time <= datetime.now(UTC)
    assert session.create_time.utcoffset() == timedelta(0)
    assert session.create_time == session.update_time == session.last_activity_time


@pytest.mark.parametrize("retention", [None, "never", timedelta(seconds=1), timedelta(days=36_500)])
async def test_a_retention_is_kept(store: Store, retention: Any) -> None:
    await create(store, retention=retention)
    session = await store.sessions.get(NAMESPACE, "s")
    assert session.fields.retention == retention


async def test_get_returns_what_create_returned(store: Store) -> None:
    created = await create(store, **FULL)
    assert await store.sessions.get(NAMESPACE, "s") == created


async def test_getting_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound) as caught:
        await store.sessions.get(NAMESPACE, "absent")
    assert caught.value.metadata == {"session_id": "absent"}


async def test_many_gets_at_once_each_return_their_own(store: Store) -> None:
    for number in range(20):
        await create(store, f"s{number}")
    wanted = [f"s{number}" for number in range(30)] * 2
    got = await asyncio.gather(*(store.sessions.get(NAMESPACE, i) for i in wanted), return_exceptions=True)
    for session_id, result in zip(wanted, got, strict=True):
        if isinstance(result, Session):
            assert result.session_id == session_id
        else:
            assert isinstance(result, SessionNotFound)
            assert int(session_id[1:]) >= 20


async def test_creating_from_the_same_draft_returns_the_session_as_it_is_now(store: Store) -> None:
    await create(store, **FULL)
    await append(store, *notes(2))
    moved = await move(store, "s", SessionStatus.ACTIVE)
    assert await create(store, **FULL) == moved
    changed = await update(store, change(title="new"))
    assert await create(store, **FULL) == changed


async def test_a_draft_is_the_same_whatever_the_order_of_its_labels_and_metadata(store: Store) -> None:
    first = await create(store, labels={"a": "1", "b": "2"}, metadata={"x": {"p": 1, "q": 2}, "y": 2})
    second = await create(store, labels={"b": "2", "a": "1"}, metadata={"y": 2, "x": {"q": 2, "p": 1}})
    assert first == second


@pytest.mark.parametrize("name", OTHER)
async def test_creating_from_another_draft_raises_id_taken(store: Store, name: str) -> None:
    first = await create(store, **FULL)
    with pytest.raises(IdTaken) as caught:
        await create(store, **{**FULL, name: OTHER[name]})
    assert caught.value.metadata == {"resource": "session", "id": "s"}
    assert await store.sessions.get(NAMESPACE, "s") == first


async def test_another_parent_makes_another_draft(store: Store) -> None:
    await create(store, "parent")
    await create(store, parent="parent")
    with pytest.raises(IdTaken):
        await create(store)


async def test_creating_below_an_absent_parent_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound) as caught:
        await create(store, parent="absent")
    assert caught.value.metadata == {"session_id": "absent"}
    with pytest.raises(SessionNotFound):
        await store.sessions.get(NAMESPACE, "s")


async def test_a_session_names_its_parent_even_when_that_is_deleted(store: Store) -> None:
    await create(store, "parent")
    created = await create(store, parent="parent")
    assert created.parent_session_id == "parent"
    await store.sessions.delete(NAMESPACE, "parent")
    assert await store.sessions.get(NAMESPACE, "s") == created


async def test_the_same_draft_returns_the_session_even_when_its_parent_is_deleted(store: Store) -> None:
    await create(store, "parent")
    created = await create(store, parent="parent")
    await store.sessions.delete(NAMESPACE, "parent")
    assert await create(store, parent="parent") == created


async def test_creating_one_id_many_times_at_once_makes_one_session(store: Store) -> None:
    created = await asyncio.gather(*(create(store, **FULL) for _ in range(16)))
    assert len(set(map(repr, created))) == 1


async def test_of_different_drafts_of_one_id_at_once_one_wins(store: Store) -> None:
    results = await asyncio.gather(
        *(create(store, title=f"title {number}") for number in range(16)), return_exceptions=True
    )
    made = [result for result in results if isinstance(result, Session)]
    assert len(made) == 1
    assert sum(isinstance(result, IdTaken) for result in results) == 15
    assert await store.sessions.get(NAMESPACE, "s") == made[0]


async def test_deleting_removes_the_session_and_all_that_hangs_on_it(store: Store) -> None:
    await create(store)
    await append(store, *notes(3))
    await save(store, write("k"))
    await store.sessions.delete(NAMESPACE, "s")
    with pytest.raises(SessionNotFound):
        await store.sessions.get(NAMESPACE, "s")
    with pytest.raises(SessionNotFound):
        await history(store)
    with pytest.raises(SessionNotFound):
        await store.states.load(NAMESPACE, "s", "k")


async def test_a_deleted_id_may_be_used_again_and_starts_anew(store: Store) -> None:
    await create(store, title="first")
    await append(store, *notes(3))
    await save(store, write("k"))
    await store.sessions.delete(NAMESPACE, "s")
    again = await create(store, title="second")
    assert (again.version, again.last_sequence, again.fields.title) == (1, 0, "second")
    assert await history(store) == []
    with pytest.raises(StateNotFound):
        await store.states.load(NAMESPACE, "s", "k")
    assert await save(store, write("k")) == [1]
    assert await append(store, *notes(1)) == [1]


async def test_deleting_leaves_other_sessions_alone(store: Store) -> None:
    await create(store)
    kept = await create(store, "kept", parent="s")
    await append(store, *notes(2), session_id="kept")
    kept = await store.sessions.get(NAMESPACE, "kept")
    await store.sessions.delete(NAMESPACE, "s")
    assert await store.sessions.get(NAMESPACE, "kept") == kept
    assert len(await history(store, "kept")) == 2


async def test_deleting_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.sessions.delete(NAMESPACE, "s")


async def test_deleting_at_another_version_raises_version_mismatch(store: Store) -> None:
    before = await create(store)
    with pytest.raises(VersionMismatch) as caught:
        await store.sessions.delete(NAMESPACE, "s", expected_version=2)
    assert caught.value.metadata["actual"] == "1"
    assert await store.sessions.get(NAMESPACE, "s") == before
    await store.sessions.delete(NAMESPACE, "s", expected_version=1)


async def test_of_many_deletions_at_once_one_succeeds(store: Store) -> None:
    await create(store)
    results = await asyncio.gather(
        *(store.sessions.delete(NAMESPACE, "s") for _ in range(8)), return_exceptions=True
    )
    assert results.count(None) == 1
    assert sum(isinstance(result, SessionNotFound) for result in results) == 7


async def test_a_draft_that_was_checked_again_is_still_the_same(store: Store) -> None:
    first = await store.sessions.create(NAMESPACE, draft(**FULL))
    assert await store.sessions.create(NAMESPACE, draft(**FULL).checked()) == first
