"""EventStore.replace."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfastdb_server.domain.errors import EventIdTaken, SequenceMismatch, SessionNotFound
from holdfastdb_server.domain.events import Event, EventKind, Replacement, ReplaceResult
from holdfastdb_server.domain.messages import Step
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, history, message, move, note, notes

ALL: dict[str, Any] = {}


async def replace(store: Store, *events: Event, expected: int | None = None, **what: Any) -> ReplaceResult:
    replacement = Replacement(events=events, **what).checked()
    return await store.events.replace(NAMESPACE, "s", replacement, expected)


async def ids(store: Store) -> list[str]:
    """The ids of the events, and of the server's own their types."""
    return [e.type if e.type.startswith("holdfast.") else e.event_id for e in await history(store)]


REPLACED = "holdfast.history.replaced"


async def test_all_events_are_replaced(store: Store) -> None:
    await append(store, *notes(3))
    done = await replace(store, *notes(2, "new"))
    assert await ids(store) == [REPLACED, "new1", "new2"]
    assert [event.sequence for event in await history(store)] == [4, 5, 6]
    assert (done.removed_count, done.last_sequence) == (3, 6)
    assert [(receipt.event_id, receipt.sequence) for receipt in done.receipts] == [("new1", 5), ("new2", 6)]
    session = await store.sessions.get(NAMESPACE, "s")
    assert session.last_sequence == 6
    assert session.last_activity_time == done.receipts[0].create_time


async def test_all_events_are_removed_without_others_in_their_place(store: Store) -> None:
    await append(store, *notes(3))
    assert await replace(store) == ReplaceResult(3, [], 4)
    assert await ids(store) == [REPLACED]


@pytest.mark.parametrize(("newest", "left"), [(1, 4), (3, 2), (5, 0), (9, 0)])
async def test_the_newest_events_are_removed(store: Store, newest: int, left: int) -> None:
    await append(store, *notes(5))
    assert (await replace(store, newest=newest)).removed_count == 5 - left
    assert await ids(store) == [f"e{n}" for n in range(1, left + 1)] + [REPLACED]


@pytest.mark.parametrize("after", [0, 2, 4])
async def test_the_events_after_a_sequence_are_removed(store: Store, after: int) -> None:
    await append(store, *notes(5))
    assert (await replace(store, after_sequence=after)).removed_count == 5 - after
    assert await ids(store) == [f"e{n}" for n in range(1, after + 1)] + [REPLACED]


async def test_only_events_of_the_wanted_kinds_are_removed(store: Store) -> None:
    await append(store, note("n1"), message("hi", event_id="m1"), note("s1", body=Step("t")), note("n2"))
    await append(store, message("ho", event_id="m2"), note("p1", body=Payload(json="1")))
    wanted = frozenset({EventKind.MESSAGE})
    assert (await replace(store, kinds=wanted, newest=1)).removed_count == 1
    assert await ids(store) == ["n1", "m1", "s1", "n2", "p1", REPLACED]
    kinds = frozenset({EventKind.STEP, EventKind.EMPTY})
    assert (await replace(store, kinds=kinds, after_sequence=1)).removed_count == 2
    assert await ids(store) == ["n1", "m1", "p1", REPLACED, REPLACED]


async def test_the_newest_of_some_kinds_are_counted_among_those(store: Store) -> None:
    await append(store, message("1", event_id="m1"), message("2", event_id="m2"), *notes(3))
    await replace(store, kinds=frozenset({EventKind.MESSAGE}), newest=1)
    assert await ids(store) == ["m1", "e1", "e2", "e3", REPLACED]


async def test_events_of_the_servers_own_stay_and_are_not_counted(store: Store) -> None:
    await append(store, *notes(2))
    await move(store, "s", SessionStatus.COMPLETED)
    assert (await replace(store, newest=1)).removed_count == 1
    assert await ids(store) == ["e1", "holdfast.session.active", "holdfast.session.completed", REPLACED]
    assert (await replace(store)).removed_count == 1
    assert (await replace(store, after_sequence=0)).removed_count == 0


async def test_types_that_only_look_like_the_servers_own_are_removed(store: Store) -> None:
    await append(
        store, *(note(name, type=name) for name in ("holdfast", "holdfastx", "Holdfast.x", "holdfas"))
    )
    assert (await replace(store)).removed_count == 4


async def test_the_replaced_event_tells_what_was_removed(store: Store) -> None:
    await append(store, *notes(5))
    await replace(store, note("new"), after_sequence=2)
    event = (await history(store))[2]
    assert event.type == REPLACED
    assert isinstance(event.body, Payload)
    assert event.body.json is not None
    assert json.loads(event.body.json) == {
        "removed_count": 3,
        "first_sequence": 3,
        "last_sequence": 5,
        "appended_count": 1,
    }


async def test_nothing_is_noted_if_nothing_was_removed(store: Store) -> None:
    assert await replace(store) == ReplaceResult(0, [], 0)
    await append(store, *notes(2))
    assert (await replace(store, note("new"), after_sequence=2)).removed_count == 0
    assert await ids(store) == ["e1", "e2", "new"]


async def test_removed_sequences_are_never_given_again(store: Store) -> None:
    await append(store, *notes(3))
    await replace(store, newest=3)
    assert await append(store, *notes(1, "x")) == [5]
    await replace(store, newest=1)
    assert await append(store, *notes(1, "y")) == [7]


async def test_ids_of_removed_events_may_be_used_again(store: Store) -> None:
    await append(store, *notes(3))
    done = await replace(store, note("e2", "other content"), note("e1"))
    assert [receipt.sequence for receipt in done.receipts] == [5, 6]
    assert await append(store, note("e3", "other content")) == [7]


@pytest.mark.parametrize("text", ["", "other content"])
async def test_an_id_of_an_event_that_stays_raises_event_id_taken(store: Store, text: str) -> None:
    await append(store, *notes(4))
    before = await history(store)
    with pytest.raises(EventIdTaken) as caught:
        await replace(store, note("new"), note("e2", text), newest=2)
    assert caught.value.metadata == {"session_id": "s", "event_id": "e2", "sequence": "2"}
    assert await history(store) == before
    assert (await store.sessions.get(NAMESPACE, "s")).last_sequence == 4


async def test_replacing_in_an_absent_session_raises_session_not_found(store: Store) -> None:
    with pytest.raises(SessionNotFound):
        await store.events.replace(NAMESPACE, "absent", Replacement())


async def test_a_replacement_at_another_last_sequence_raises_sequence_mismatch(store: Store) -> None:
    await append(store, *notes(3))
    before = await history(store)
    for expected in (0, 2, 4):
        with pytest.raises(SequenceMismatch) as caught:
            await replace(store, note("new"), expected=expected)
        assert caught.value.metadata == {"session_id": "s", "expected": str(expected), "actual": "3"}
    assert await history(store) == before
    assert (await replace(store, expected=3)).removed_count == 3


async def test_the_history_of_an_ended_session_can_be_replaced(store: Store) -> None:
    await append(store, note("e1"))
    await move(store, "s", SessionStatus.FAILED)
    assert (await replace(store, note("e2"))).removed_count == 1


async def test_other_sessions_keep_their_events(store: Store) -> None:
    await create(store, "other")
    await append(store, *notes(3), session_id="other")
    await append(store, *notes(3))
    await replace(store)
    assert len(await history(store, "other")) == 3


async def test_a_thousand_events_are_replaced_by_a_thousand(store: Store) -> None:
    await append(store, *notes(1_000))
    done = await replace(store, *notes(1_000, "new"))
    assert done.removed_count == 1_000
    assert [receipt.sequence for receipt in done.receipts] == list(range(1_002, 2_002))


async def test_many_replacements_and_appends_at_once_lose_nothing(store: Store) -> None:
    await append(store, *notes(5))
    results = await asyncio.gather(
        *(append(store, *notes(2, f"a{n}-")) for n in range(10)),
        *(replace(store, note(f"r{n}"), newest=1) for n in range(5)),
    )
    given = [s for result in results[:10] if isinstance(result, list) for s in result]
    for result in results[10:]:
        assert isinstance(result, ReplaceResult)
        assert result.removed_count == 1
        given += [receipt.sequence for receipt in result.receipts]
    assert len(given) == len(set(given)) == 25
    events = await history(store)
    # 5 at first, 20 and 5 appended, 5 removed, 5 notes of it.
    assert len(events) == 30
    assert len({event.sequence for event in events}) == 30
    assert max(event.sequence for event in events) == 35


async def test_of_many_pops_at_one_expected_sequence_one_succeeds(store: Store) -> None:
    await append(store, *notes(5))
    results = await asyncio.gather(
        *(replace(store, newest=1, expected=5) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, ReplaceResult) for result in results) == 1
    assert sum(isinstance(result, SequenceMismatch) for result in results) == 7
