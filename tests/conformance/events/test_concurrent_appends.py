"""EventStore.append: many callers at once, and callers that are cancelled."""

from __future__ import annotations

import asyncio

import pytest

from holdfastdb_server.domain.errors import EventIdTaken, HoldfastError, SequenceMismatch, SessionNotFound
from holdfastdb_server.domain.events import AppendResult, Event, EventKind, Replacement
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import (
    ForkDraft,
    SessionChange,
    SessionDraft,
    SessionFields,
    SessionStatus,
    Transition,
)
from holdfastdb_server.domain.states import StatePatch, StateSelection, StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, history, message, note, notes
from tests.support.stores import OpenStore

TITLE = frozenset({"title"})
STEPS_AWAY = Replacement(newest=1, kinds=frozenset({EventKind.STEP}))


class TestAtOnce:
    """Any number of callers at once."""

    async def test_appenders_get_sequences_without_gaps_each_in_its_own_order(self, store: Store) -> None:
        async def appender(name: str) -> list[int]:
            taken: list[int] = []
            for number in range(10):
                taken += await append(store, note(f"{name}-{number}a"), note(f"{name}-{number}b"))
            return taken

        taken = await asyncio.gather(*(appender(f"w{number}") for number in range(16)))
        assert sorted(sequence for one in taken for sequence in one) == list(range(1, 321))
        by_sequence = {event.sequence: event.event_id for event in await history(store)}
        for number, sequences in enumerate(taken):
            assert sequences == sorted(sequences)
            # The two of one request stand together.
            assert all(
                second == first + 1 for first, second in zip(sequences[::2], sequences[1::2], strict=True)
            )
            assert by_sequence[sequences[0]] == f"w{number}-0a"

    async def test_appenders_with_expectations_lose_nothing(self, store: Store) -> None:
        async def appender(name: str) -> int:
            retries = 0
            for number in range(2):
                event = note(f"{name}-{number}")
                expected = (await store.sessions.get(NAMESPACE, "s")).last_sequence
                while True:
                    try:
                        await append(store, event, expected=expected)
                        break
                    except SequenceMismatch as mismatch:
                        expected = int(mismatch.metadata["actual"])
                        retries += 1
            return retries

        retries = await asyncio.gather(*(appender(f"w{number}") for number in range(16)))
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 33))
        assert len({event.event_id for event in events}) == 32
        assert sum(retries) > 0

    async def test_of_many_appends_at_one_expected_sequence_one_succeeds(self, store: Store) -> None:
        results = await asyncio.gather(
            *(append(store, note(f"e{n}"), expected=0) for n in range(16)), return_exceptions=True
        )
        assert results.count([1]) == 1
        assert sum(isinstance(result, SequenceMismatch) for result in results) == 15
        (event,) = await history(store)
        assert results[int(event.event_id[1:])] == [1]

    async def test_one_event_sent_many_times_is_there_once(self, store: Store) -> None:
        results = await asyncio.gather(*(append(store, note("e1"), note(f"own{n}")) for n in range(12)))
        events = await history(store)
        assert sorted(event.event_id for event in events) == sorted(["e1", *(f"own{n}" for n in range(12))])
        (first,) = [event.sequence for event in events if event.event_id == "e1"]
        assert {sequences[0] for sequences in results} == {first}

    async def test_one_id_with_different_contents_is_there_once(self, store: Store) -> None:
        results = await asyncio.gather(
            *(append(store, note("e1", f"text {n}")) for n in range(8)), return_exceptions=True
        )
        assert results.count([1]) == 1
        assert sum(isinstance(result, EventIdTaken) for result in results) == 7
        (event,) = await history(store)
        assert event.body == Payload(json=f'"text {results.index([1])}"')

    async def test_sessions_do_not_mix(self, store: Store) -> None:
        for number in range(20):
            await create(store, f"s{number}")
        await asyncio.gather(
            *(append(store, *notes(3, f"{n}-"), session_id=f"s{n}") for n in range(20) for _ in range(2))
        )
        for number in range(20):
            ids = [event.event_id for event in await history(store, f"s{number}")]
            assert ids == [f"{number}-1", f"{number}-2", f"{number}-3"]

    async def test_bad_requests_harm_none_of_their_neighbours(self, store: Store) -> None:
        await append(store, note("taken", "first"))
        bad = {
            7: append(store, note("bad7"), expected=7_000),
            23: append(store, note("bad23"), note("taken", "second")),
            31: append(store, note("bad31"), session_id="absent"),
        }
        requests = [bad.get(n) or append(store, note(f"good{n}"), note(f"also{n}")) for n in range(50)]
        results = await asyncio.gather(*requests, return_exceptions=True)
        failed = {n: type(result) for n, result in enumerate(results) if isinstance(result, BaseException)}
        assert failed == {7: SequenceMismatch, 23: EventIdTaken, 31: SessionNotFound}
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 1 + 1 + 2 * 47))
        assert not [event for event in events if event.event_id.startswith("bad")]

    async def test_what_no_database_takes_harms_none_of_its_neighbours(self, store: Store) -> None:
        """A batch that fails as a whole is carried out one by one."""
        unchecked = Event("bad", type="note", event_time="never")  # type: ignore[arg-type]
        bad = {5: append(store, unchecked)}
        requests = [bad.get(n) or append(store, note(f"good{n}"), note(f"also{n}")) for n in range(11)]
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [n for n, result in enumerate(results) if isinstance(result, Exception)] == [5]
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, 21))
        assert not [event for event in events if event.event_id == "bad"]

    async def test_what_no_database_takes_harms_no_single_neighbour(self, store: Store) -> None:
        unchecked = Event("bad", type="note", event_time="never")  # type: ignore[arg-type]
        for number in range(2):
            calls = append(store, note(f"good{number}")), append(store, unchecked)
            good, bad = await asyncio.gather(*calls, return_exceptions=True)
            assert good == [number + 1]
            assert isinstance(bad, Exception)
            assert not isinstance(bad, HoldfastError | RecursionError)

    async def test_an_append_with_and_without_ids_is_carried_out_once(self, store: Store) -> None:
        assert await append(store, note("e1"), note()) == [1, 2]
        assert await append(store, note("e2"), note()) == [3, 4]
        assert [event.sequence for event in await history(store)] == [1, 2, 3, 4]

    async def test_deleting_a_session_fails_only_its_own_appends(self, store: Store) -> None:
        await create(store, "doomed")
        results = await asyncio.gather(
            *(append(store, note(f"a{n}"), session_id="doomed") for n in range(10)),
            store.sessions.delete(NAMESPACE, "doomed"),
            *(append(store, note(f"b{n}"), session_id="doomed") for n in range(10)),
            *(append(store, note(f"c{n}")) for n in range(10)),
            return_exceptions=True,
        )
        assert not [result for result in results[21:] if isinstance(result, BaseException)]
        for result in results[:21]:
            assert not isinstance(result, BaseException) or isinstance(result, SessionNotFound)
        assert len(await history(store)) == 10


class TestCancelled:
    """Callers that are cancelled while they wait."""

    async def test_a_cancelled_append_is_there_whole_or_not_at_all(self, store: Store) -> None:
        for steps in range(12):
            task = asyncio.create_task(store.events.append(NAMESPACE, "s", notes(5, f"t{steps}-")))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await append(store, note("after"))
        events = await history(store)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert len(events) % 5 == 1
        assert sum(event.event_id == "after" for event in events) == 1
        for steps in range(12):
            assert sum(event.event_id.startswith(f"t{steps}-") for event in events) in (0, 5)

    async def test_a_cancelled_append_harms_none_of_its_neighbours(self, store: Store) -> None:
        tasks = [
            asyncio.create_task(store.events.append(NAMESPACE, "s", notes(2, f"{n}-"))) for n in range(30)
        ]
        await asyncio.sleep(0)
        for task in tasks[::3]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        kept = [result for n, result in enumerate(results) if n % 3]
        assert all(isinstance(result, AppendResult) for result in kept)
        ids = {event.event_id for event in await history(store)}
        for number in range(30):
            assert (f"{number}-1" in ids) == (f"{number}-2" in ids)
            assert number % 3 == 0 or f"{number}-1" in ids

    @pytest.mark.parametrize("steps", [1, 3, 10, 30, 60])
    async def test_closing_waits_for_writes_whose_callers_were_cancelled(
        self, store: SqlStore, open_store: OpenStore, steps: int
    ) -> None:
        tasks = [
            asyncio.ensure_future(call)
            for call in (
                store.sessions.update(NAMESPACE, "s", SessionChange(SessionFields(title="new"), TITLE)),
                store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.ACTIVE)),
                store.events.append(NAMESPACE, "s", notes(3)),
            )
        ]
        for _ in range(steps):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await store.close()
        assert not store._database._writes
        assert all(task.done() for task in store._tasks)
        again = await open_store()
        session = await again.sessions.get(NAMESPACE, "s")
        assert len(await history(again)) == session.last_sequence
        assert session.version == 1 + bool(session.fields.title) + (session.status is SessionStatus.ACTIVE)

    async def test_cancelled_writers_of_every_kind_leave_the_store_usable(self, store: Store) -> None:
        await store.states.save(NAMESPACE, "s", [StateWrite("k", Payload(json="{}"))])
        for steps in range(8):
            calls = [
                store.sessions.create(NAMESPACE, SessionDraft(f"new{steps}")),
                store.sessions.update(NAMESPACE, "s", SessionChange(SessionFields(title=f"t{steps}"), TITLE)),
                store.sessions.transition(NAMESPACE, "s", Transition(SessionStatus.ACTIVE)),
                store.sessions.fork(NAMESPACE, "s", ForkDraft(f"fork{steps}")),
                store.states.save(NAMESPACE, "s", [StateWrite("k", Payload(json="{}"))]),
                store.states.patch(NAMESPACE, "s", StatePatch("k", '{"a":1}')),
                store.states.delete(NAMESPACE, "s", StateSelection(keys=["other"])),
                store.states.load(NAMESPACE, "s", "k"),
                store.events.replace(NAMESPACE, "s", STEPS_AWAY),
                store.sessions.get(NAMESPACE, "s"),
            ]
            tasks = [asyncio.ensure_future(call) for call in calls]
            for _ in range(steps * 2):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert not isinstance(result, Exception) or isinstance(result, HoldfastError)
        # What was cancelled may still be carried out, before it or after: it removes no message.
        (sequence,) = await append(store, message("still here", event_id="last"))
        assert [event.sequence for event in await history(store) if event.event_id == "last"] == [sequence]
