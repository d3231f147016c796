"""SessionStore.transition: every move of the life cycle, allowed or not."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import product

import pytest

from holdfastdb_server.domain.errors import SessionNotFound, TransitionNotAllowed, VersionMismatch
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import Session, SessionStatus, Transition
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, history, move, notes

PENDING, ACTIVE, COMPLETED, FAILED, EXPIRED = SessionStatus
# Written out, and not taken from the domain: this is what the contract says.
ALLOWED = {(PENDING, ACTIVE), (PENDING, EXPIRED), (ACTIVE, COMPLETED), (ACTIVE, FAILED), (ACTIVE, EXPIRED)}
FORBIDDEN = [pair for pair in product(SessionStatus, SessionStatus) if pair not in ALLOWED]


async def transition(
    store: Store, status: SessionStatus, *, reason: str = "", actor: str = "", expected: int | None = None
) -> Session:
    return await store.sessions.transition(NAMESPACE, "s", Transition(status, reason, actor), expected)


@pytest.mark.parametrize(("source", "target"), sorted(ALLOWED))
async def test_an_allowed_move_changes_the_status(
    store: Store, source: SessionStatus, target: SessionStatus
) -> None:
    await create(store)
    before = await move(store, "s", source)
    after = await transition(store, target, reason="because", actor="ada")
    assert (after.status, after.status_reason) == (target, "because")
    assert after.version == before.version + 1
    assert after.update_time > before.update_time
    assert await store.sessions.get(NAMESPACE, "s") == after


@pytest.mark.parametrize(("source", "target"), sorted(ALLOWED))
async def test_an_allowed_move_appends_its_event(
    store: Store, source: SessionStatus, target: SessionStatus
) -> None:
    await create(store)
    before = await move(store, "s", source)
    after = await transition(store, target, reason='be"cause\n☃', actor="ada")
    assert after.last_sequence == before.last_sequence + 1
    event = (await history(store))[-1]
    assert event.type == f"holdfast.session.{target}"
    assert (event.sequence, event.actor) == (after.last_sequence, "ada")
    assert isinstance(event.body, Payload)
    assert event.body.json is not None
    details = json.loads(event.body.json)
    assert details == {"from": source.name, "to": target.name, "reason": 'be"cause\n☃'}


@pytest.mark.parametrize(("source", "target"), FORBIDDEN)
async def test_every_other_move_is_refused_and_changes_nothing(
    store: Store, source: SessionStatus, target: SessionStatus
) -> None:
    await create(store)
    before = await move(store, "s", source)
    events = await history(store)
    with pytest.raises(TransitionNotAllowed) as caught:
        await transition(store, target, reason="because")
    assert caught.value.metadata == {
        "resource": "session",
        "id": "s",
        "from": source.name,
        "to": target.name,
    }
    assert await store.sessions.get(NAMESPACE, "s") == before
    assert await history(store) == events


@pytest.mark.parametrize("target", list(SessionStatus)[1:])
async def test_only_a_final_status_sets_the_end_time(store: Store, target: SessionStatus) -> None:
    await create(store)
    before = datetime.now(UTC)
    session = await move(store, "s", target)
    if target is ACTIVE:
        assert session.end_time is None
    else:
        assert session.end_time is not None
        assert before <= session.end_time <= datetime.now(UTC)


async def test_the_event_of_a_move_follows_those_of_others(store: Store) -> None:
    await create(store)
    await append(store, *notes(2))
    await transition(store, ACTIVE)
    assert await append(store, *notes(1, "later")) == [4]
    assert [event.sequence for event in await history(store)] == [1, 2, 3, 4]


async def test_moving_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await transition(store, ACTIVE)


async def test_a_move_at_the_expected_version_succeeds(store: Store) -> None:
    await create(store)
    assert (await transition(store, ACTIVE, expected=1)).version == 2


async def test_a_move_at_another_version_raises_version_mismatch_and_changes_nothing(store: Store) -> None:
    before = await create(store)
    with pytest.raises(VersionMismatch) as caught:
        await transition(store, ACTIVE, expected=2)
    assert (caught.value.metadata["expected"], caught.value.metadata["actual"]) == ("2", "1")
    assert await store.sessions.get(NAMESPACE, "s") == before
    assert await history(store) == []


async def test_of_many_equal_moves_at_once_one_succeeds(store: Store) -> None:
    await create(store)
    results = await asyncio.gather(*(transition(store, ACTIVE) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Session) for result in results) == 1
    assert sum(isinstance(result, TransitionNotAllowed) for result in results) == 7
    assert len(await history(store)) == 1


async def test_a_move_among_many_appends_gets_a_sequence_of_its_own(store: Store) -> None:
    await create(store)
    appends = [append(store, *notes(2, f"a{n}-")) for n in range(10)]
    await asyncio.gather(*appends[:5], transition(store, ACTIVE), *appends[5:])
    events = await history(store)
    assert [event.sequence for event in events] == list(range(1, 22))
    assert [event.type for event in events].count("holdfast.session.active") == 1
    assert (await store.sessions.get(NAMESPACE, "s")).last_sequence == 21
