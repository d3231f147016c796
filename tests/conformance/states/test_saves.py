"""StateStore.save: versions, trimming and concurrent saves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from holdfastdb_server.domain.errors import SessionEnded, SessionNotFound, StateNotFound, VersionMismatch
from holdfastdb_server.domain.limits import Policy
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import StateWrite
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, load_json, move, notes, save, write
from tests.support.states import FINAL, patch, versions
from tests.support.stores import OpenStore


class TestSave:
    async def test_each_save_makes_the_next_version_of_its_key(self, store: Store) -> None:
        assert await save(store, write("a", "1")) == [1]
        assert await save(store, write("a", "2"), write("b", "1")) == [2, 1]
        assert await save(store, write("b", "2"), write("a", "3")) == [2, 3]
        assert await versions(store) == [("a", 3), ("a", 2), ("a", 1), ("b", 2), ("b", 1)]

    async def test_the_saved_states_come_back_in_the_order_of_the_writes_without_payloads(
        self, store: Store
    ) -> None:
        await append(store, *notes(3))
        before = datetime.now(UTC)
        writes = [write("b", metadata={"m": 1}, run_id="r"), write("a"), write("c")]
        saved = await store.states.save(NAMESPACE, "s", writes)
        assert [state.key for state in saved] == ["b", "a", "c"]
        assert [state.payload for state in saved] == [None, None, None]
        first = saved[0]
        assert (first.metadata, first.run_id, first.session_sequence) == ({"m": 1}, "r", 3)
        assert before <= first.create_time <= datetime.now(UTC)

    async def test_what_was_saved_is_loaded(self, store: Store) -> None:
        wanted = write("k", '{"a": 1}', metadata={"m": [1]}, run_id="r")
        (saved,) = await store.states.save(NAMESPACE, "s", [wanted])
        loaded = await store.states.load(NAMESPACE, "s", "k")
        assert loaded.payload == Payload(json='{"a": 1}')
        assert (loaded.key, loaded.version, loaded.metadata, loaded.run_id) == ("k", 1, {"m": [1]}, "r")
        assert (loaded.create_time, loaded.session_sequence) == (saved.create_time, saved.session_sequence)

    async def test_an_empty_key_is_the_default_one(self, store: Store) -> None:
        await save(store, write("", "1"))
        assert await load_json(store, "default") == "1"

    async def test_a_save_at_the_expected_versions_succeeds(self, store: Store) -> None:
        assert await save(store, write("a", expected=0), write("b", expected=0)) == [1, 1]
        assert await save(store, write("a", expected=1), write("b")) == [2, 2]

    @pytest.mark.parametrize("expected", [0, 1, 3])
    async def test_a_save_at_another_version_saves_nothing_of_the_request(
        self, store: Store, expected: int
    ) -> None:
        await save(store, write("b", "1"))
        await save(store, write("b", "2"))
        before = await store.sessions.get(NAMESPACE, "s")
        with pytest.raises(VersionMismatch) as caught:
            await save(
                store, write("a", "new"[:0] + "9"), write("b", "9", expected=expected), write("c", "9")
            )
        assert caught.value.metadata["expected"] == str(expected)
        assert caught.value.metadata["actual"] == "2"
        assert await versions(store) == [("b", 2), ("b", 1)]
        assert await store.sessions.get(NAMESPACE, "s") == before

    async def test_a_version_mismatch_names_the_first_stale_key(self, store: Store) -> None:
        await save(store, write("fresh"))
        with pytest.raises(VersionMismatch) as caught:
            await save(
                store, write("fresh", expected=1), write("stale", expected=4), write("staler", expected=5)
            )
        assert "stale" in caught.value.metadata["id"]
        assert "staler" not in caught.value.metadata["id"]
        assert (caught.value.metadata["expected"], caught.value.metadata["actual"]) == ("4", "0")

    async def test_saving_counts_as_activity_of_the_session(self, store: Store) -> None:
        before = await store.sessions.get(NAMESPACE, "s")
        (saved,) = await store.states.save(NAMESPACE, "s", [write()])
        after = await store.sessions.get(NAMESPACE, "s")
        assert after.last_activity_time == saved.create_time > before.last_activity_time
        assert (after.version, after.update_time, after.last_sequence) == (1, before.update_time, 0)

    async def test_saving_into_an_absent_session_raises_session_not_found(self, store: Store) -> None:
        with pytest.raises(SessionNotFound):
            await save(store, write(), session_id="absent")

    @pytest.mark.parametrize("status", FINAL)
    async def test_saving_into_an_ended_session_raises_session_ended(
        self, store: Store, status: SessionStatus
    ) -> None:
        await save(store, write("k", "1"))
        await move(store, "s", status)
        with pytest.raises(SessionEnded) as caught:
            await save(store, write("k", "2"))
        assert caught.value.metadata == {"session_id": "s", "status": status.name}
        assert await load_json(store) == "1"

    async def test_a_hundred_states_are_saved_at_once(self, store: Store) -> None:
        assert await save(store, *(write(f"k{n}", str(n)) for n in range(100))) == [1] * 100
        assert len(await versions(store)) == 100

    async def test_keys_may_be_as_long_as_a_kilobyte(self, store: Store) -> None:
        keys = ["x" * 1_024, "ж" * 512, "🦑" * 256]
        await save(store, *(write(key, "1") for key in keys))
        for key in keys:
            assert await load_json(store, key) == "1"


class TestTrimming:
    @pytest.mark.parametrize("kept", [1, 3])
    async def test_only_the_newest_versions_of_a_key_are_kept(
        self, open_store: OpenStore, store: Store, engine: str, kept: int
    ) -> None:
        store = await reopened(open_store, store, Policy(state_versions_kept=kept))
        for number in range(1, 6):
            await save(store, write("a", str(number)))
        await save(store, write("b", "1"))
        assert await versions(store) == [("a", 5 - n) for n in range(kept)] + [("b", 1)]
        assert await load_json(store, "a") == "5"
        with pytest.raises(StateNotFound) as caught:
            await store.states.load(NAMESPACE, "s", "a", 5 - kept)
        assert caught.value.metadata == {"session_id": "s", "key": "a", "version": str(5 - kept)}

    async def test_several_saves_at_once_leave_the_newest_versions(
        self, open_store: OpenStore, store: Store
    ) -> None:
        store = await reopened(open_store, store, Policy(state_versions_kept=2))
        await asyncio.gather(*(save(store, write("a", str(n))) for n in range(10)))
        assert await versions(store) == [("a", 10), ("a", 9)]

    async def test_a_smaller_number_to_keep_trims_at_the_next_save(
        self, open_store: OpenStore, store: Store
    ) -> None:
        for _ in range(5):
            await save(store, write("a"))
        store = await reopened(open_store, store, Policy(state_versions_kept=2))
        await save(store, write("a"))
        assert await versions(store) == [("a", 6), ("a", 5)]

    async def test_patching_trims_too(self, open_store: OpenStore, store: Store) -> None:
        store = await reopened(open_store, store, Policy(state_versions_kept=2))
        await save(store, write("k", "{}"))
        for number in range(3):
            await patch(store, f'{{"a": {number}}}')
        assert await versions(store) == [("k", 4), ("k", 3)]


async def reopened(open_store: OpenStore, store: Store, policy: Policy) -> Store:
    """Close the store and open it again with another policy."""
    from holdfastdb_server.storage.store import SqlStore

    assert isinstance(store, SqlStore)
    await store.close()
    return await open_store(policy=policy)


class TestSaveAtOnce:
    async def test_of_many_saves_of_a_new_key_at_once_one_succeeds(self, store: Store) -> None:
        results = await asyncio.gather(
            *(save(store, write("k", str(n), expected=0)) for n in range(16)), return_exceptions=True
        )
        assert results.count([1]) == 1
        assert sum(isinstance(result, VersionMismatch) for result in results) == 15
        winner = results.index([1])
        assert await load_json(store) == str(winner)

    async def test_counting_up_with_expected_versions_loses_nothing(self, store: Store) -> None:
        await save(store, write("k", "0"))

        async def count_up() -> None:
            while True:
                state = await store.states.load(NAMESPACE, "s", "k")
                assert state.payload is not None
                number = int(state.payload.json or "")
                try:
                    await save(store, write("k", str(number + 1), expected=state.version))
                except VersionMismatch:
                    continue
                return

        await asyncio.gather(*(count_up() for _ in range(12)))
        assert await load_json(store) == "12"

    async def test_saves_without_expectation_each_get_a_version(self, store: Store) -> None:
        saved = await asyncio.gather(*(save(store, write("k", str(n))) for n in range(20)))
        assert sorted(version for (version,) in saved) == list(range(1, 21))
        for number, (version,) in enumerate(saved):
            assert await load_json(store, version=version) == str(number)

    async def test_a_stale_save_harms_none_of_its_neighbours(self, store: Store) -> None:
        requests: list[Sequence[StateWrite]] = [[write(f"k{n}", str(n))] for n in range(50)]
        requests[20] = [write("k20", "20"), write("x", expected=3)]
        results = await asyncio.gather(
            *(store.states.save(NAMESPACE, "s", writes) for writes in requests),
            save(store, write(), session_id="absent"),
            return_exceptions=True,
        )
        failed = [index for index, result in enumerate(results) if isinstance(result, BaseException)]
        assert failed == [20, 50]
        assert isinstance(results[20], VersionMismatch)
        assert isinstance(results[50], SessionNotFound)
        assert len(await versions(store)) == 49
