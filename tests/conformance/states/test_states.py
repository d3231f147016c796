"""StateStore: save, patch, load and delete."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from holdfastdb_server.domain.errors import (
    HoldfastError,
    InvalidField,
    SessionEnded,
    SessionNotFound,
    StateNotFound,
    StateNotPatchable,
    VersionMismatch,
)
from holdfastdb_server.domain.limits import PAYLOAD_BYTES, Policy
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import State, StateFilter, StatePatch, StateSelection, StateWrite
from holdfastdb_server.domain.values import Payload
from tests.support.content import NAMESPACE, append, create, load_json, move, notes, save, write
from tests.support.stores import OpenStore

FINAL = [status for status in SessionStatus if status.is_final]
ALL = StateSelection()


@pytest.fixture(autouse=True)
async def session(store: Store) -> None:
    """Every test here has a session `s`."""
    await create(store)


async def versions(store: Store) -> list[tuple[str, int]]:
    page = await store.states.list(NAMESPACE, "s", StateFilter(all_versions=True), PageRequest(1_000))
    return [(state.key, state.version) for state in page.items]


async def patch(store: Store, text: str, *, expected: int | None = None, run_id: str = "") -> State:
    return await store.states.patch(NAMESPACE, "s", StatePatch("k", text, run_id, expected).checked())


async def delete(store: Store, which: StateSelection) -> int:
    return await store.states.delete(NAMESPACE, "s", which.checked())


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


class TestPatch:
    async def test_a_patch_is_merged_saved_and_returned(self, store: Store) -> None:
        await save(store, write("k", '{"a": {"b": 1, "c": 2}, "d": [1, 2], "e": "x"}'))
        await append(store, *notes(2))
        state = await patch(store, '{"a": {"b": null, "n": 3}, "d": [3], "f": {"g": null}}', run_id="r")
        assert state.payload is not None
        assert json.loads(state.payload.json or "") == {
            "a": {"c": 2, "n": 3},
            "d": [3],
            "e": "x",
            "f": {},
        }
        assert (state.key, state.version, state.run_id, state.session_sequence) == ("k", 2, "r", 2)
        assert await store.states.load(NAMESPACE, "s", "k") == state
        assert (await store.states.load(NAMESPACE, "s", "k", 1)).run_id == ""

    async def test_members_that_the_patch_does_not_name_keep_their_text(self, store: Store) -> None:
        await save(store, write("k", '{"z": 1.10, "a": [ 1,  12345678901234567890 ], "b": "\\u0000\\u00e9"}'))
        state = await patch(store, '{"new": 1.50}')
        assert state.payload is not None
        text = state.payload.json or ""
        for part in ('"z":1.10', "[ 1,  12345678901234567890 ]", '"\\u0000\\u00e9"', '"new":1.50'):
            assert part in text
        assert text.index('"z"') < text.index('"a"') < text.index('"b"') < text.index('"new"')

    @pytest.mark.parametrize(
        ("before", "text", "after"),
        [
            ('{"a": 1}', "[1, 2]", [1, 2]),
            ('{"a": 1}', "null", None),
            ("[1]", '{"a": 1}', {"a": 1}),
            ('"text"', '{"a": null}', {}),
            ('{"a": {"b": 1}}', '{"a": 2}', {"a": 2}),
            ('{"a": 1}', "{}", {"a": 1}),
        ],
    )
    async def test_a_patch_may_replace_the_whole_or_make_an_object(
        self, store: Store, before: str, text: str, after: object
    ) -> None:
        await save(store, write("k", before))
        state = await patch(store, text)
        assert state.payload is not None
        assert json.loads(state.payload.json or "") == after
        assert state.version == 2

    async def test_the_metadata_and_media_type_are_carried_over(self, store: Store) -> None:
        payload = Payload(json="{}", media_type="application/vnd.x+json")
        await save(store, write("k", payload=payload, metadata={"m": 1}, run_id="first"))
        state = await patch(store, '{"a": 1}')
        assert state.metadata == {"m": 1}
        assert state.payload is not None
        assert state.payload.media_type == "application/vnd.x+json"
        assert state.run_id == ""

    async def test_patching_counts_as_activity(self, store: Store) -> None:
        await save(store, write())
        before = await store.sessions.get(NAMESPACE, "s")
        state = await patch(store, '{"a": 1}')
        after = await store.sessions.get(NAMESPACE, "s")
        assert after.last_activity_time == state.create_time > before.last_activity_time

    async def test_patching_in_an_absent_session_raises_session_not_found(self, store: Store) -> None:
        with pytest.raises(SessionNotFound):
            await store.states.patch(NAMESPACE, "absent", StatePatch("k", "{}"))

    async def test_patching_an_absent_state_raises_state_not_found(self, store: Store) -> None:
        with pytest.raises(StateNotFound):
            await patch(store, "{}")

    @pytest.mark.parametrize("status", FINAL)
    async def test_patching_in_an_ended_session_raises_session_ended(
        self, store: Store, status: SessionStatus
    ) -> None:
        await save(store, write())
        await move(store, "s", status)
        with pytest.raises(SessionEnded):
            await patch(store, '{"a": 1}')
        assert await versions(store) == [("k", 1)]

    async def test_patching_at_another_version_raises_version_mismatch(self, store: Store) -> None:
        await save(store, write())
        await save(store, write())
        with pytest.raises(VersionMismatch) as caught:
            await patch(store, '{"a": 1}', expected=1)
        assert (caught.value.metadata["expected"], caught.value.metadata["actual"]) == ("1", "2")
        assert (await patch(store, '{"a": 1}', expected=2)).version == 3

    async def test_patching_bytes_raises_state_not_patchable(self, store: Store) -> None:
        await save(store, write("k", payload=Payload(data=b"{}")))
        with pytest.raises(StateNotPatchable) as caught:
            await patch(store, '{"a": 1}')
        assert caught.value.metadata == {"session_id": "s", "key": "k"}
        assert await versions(store) == [("k", 1)]

    async def test_a_patch_whose_result_passes_a_bound_raises_invalid_field(self, store: Store) -> None:
        await save(store, write("k", json.dumps({"a": "x" * (PAYLOAD_BYTES - 1_000)})))
        with pytest.raises(InvalidField):
            await patch(store, json.dumps({"b": "x" * 2_000}))
        assert await versions(store) == [("k", 1)]

    async def test_a_patch_whose_result_is_nested_too_deep_raises_invalid_field(self, store: Store) -> None:
        await save(store, write("k", "{}"))
        with pytest.raises(InvalidField):
            await patch(store, '{"a":' + "[" * 500 + "]" * 500 + "}")

    async def test_of_many_patches_at_once_none_is_lost(self, store: Store) -> None:
        await save(store, write("k", "{}"))
        await asyncio.gather(*(patch(store, f'{{"p{n}": {n}}}') for n in range(16)))
        assert json.loads(await load_json(store)) == {f"p{n}": n for n in range(16)}
        assert (await store.states.load(NAMESPACE, "s", "k")).version == 17


class TestLoad:
    async def test_each_kept_version_can_be_loaded_and_the_newest_is_the_default(self, store: Store) -> None:
        for number in (1, 2, 3):
            await save(store, write("k", str(number)))
        assert [await load_json(store, version=number) for number in (1, 2, 3)] == ["1", "2", "3"]
        assert await load_json(store) == "3"

    async def test_loading_from_an_absent_session_raises_session_not_found(self, store: Store) -> None:
        with pytest.raises(SessionNotFound) as caught:
            await store.states.load(NAMESPACE, "absent", "k")
        assert caught.value.metadata == {"session_id": "absent"}

    async def test_loading_an_absent_state_raises_state_not_found(self, store: Store) -> None:
        await save(store, write("k"))
        with pytest.raises(StateNotFound) as caught:
            await store.states.load(NAMESPACE, "s", "K")
        assert caught.value.metadata == {"session_id": "s", "key": "K"}

    @pytest.mark.parametrize("version", [0, 2, -1, 2**62])
    async def test_loading_an_absent_version_raises_state_not_found(self, store: Store, version: int) -> None:
        await save(store, write("k"))
        with pytest.raises(StateNotFound):
            await store.states.load(NAMESPACE, "s", "k", version)

    @pytest.mark.parametrize("status", FINAL)
    async def test_the_state_of_an_ended_session_can_be_loaded(
        self, store: Store, status: SessionStatus
    ) -> None:
        await save(store, write("k", "1"))
        await move(store, "s", status)
        assert await load_json(store) == "1"

    async def test_many_loads_at_once_each_return_their_own(self, store: Store) -> None:
        await create(store, "other")
        for number in range(10):
            await save(store, write(f"k{number}", str(number)))
            await save(store, write(f"k{number}", str(number * 100)), session_id="other")
        wanted = [("s", n) for n in range(10)] + [("other", n) for n in range(10)]
        loaded = await asyncio.gather(*(load_json(store, f"k{n}", session_id=i) for i, n in wanted))
        assert loaded == [str(n if i == "s" else n * 100) for i, n in wanted]
        mixed = await asyncio.gather(
            store.states.load(NAMESPACE, "s", "k1"),
            store.states.load(NAMESPACE, "s", "absent"),
            store.states.load(NAMESPACE, "absent", "k1"),
            store.states.load(NAMESPACE, "s", "k1", 7),
            return_exceptions=True,
        )
        assert isinstance(mixed[0], State)
        assert [type(result) for result in mixed[1:]] == [StateNotFound, SessionNotFound, StateNotFound]


class TestDelete:
    async def test_the_named_keys_are_deleted_with_all_their_versions(self, store: Store) -> None:
        for key in ("a", "a", "b", "c", "c"):
            await save(store, write(key))
        assert await delete(store, StateSelection(keys=["a", "c", "absent"])) == 2
        assert await versions(store) == [("b", 1)]
        with pytest.raises(StateNotFound):
            await store.states.load(NAMESPACE, "s", "a")

    async def test_keys_are_deleted_by_prefix(self, store: Store) -> None:
        for key in ("a", "a/", "a/1", "a/2/x", "A/1", "b/1", "a0"):
            await save(store, write(key))
        assert await delete(store, StateSelection(key_prefix="a/")) == 3
        assert [key for key, _ in await versions(store)] == ["A/1", "a", "a0", "b/1"]

    async def test_keys_are_deleted_by_the_run_of_their_newest_version(self, store: Store) -> None:
        await save(store, write("old", run_id="r"))
        await save(store, write("old", run_id="other"))
        await save(store, write("new", run_id="other"))
        await save(store, write("new", run_id="r"))
        await save(store, write("none"))
        assert await delete(store, StateSelection(run_id="r")) == 1
        assert [key for key, _ in await versions(store)] == ["none", "old", "old"]

    async def test_all_keys_are_deleted_when_nothing_is_selected(self, store: Store) -> None:
        await save(store, write("a"), write("b"))
        await create(store, "other")
        await save(store, write("a"), session_id="other")
        assert await delete(store, ALL) == 2
        assert await versions(store) == []
        assert await load_json(store, "a", session_id="other") == "{}"

    async def test_deleting_nothing_returns_zero(self, store: Store) -> None:
        assert await delete(store, ALL) == 0
        assert await delete(store, StateSelection(keys=["absent"])) == 0
        assert await delete(store, StateSelection(key_prefix="x")) == 0
        assert await delete(store, StateSelection(run_id="x")) == 0

    async def test_a_deleted_key_saved_again_starts_at_version_1(self, store: Store) -> None:
        await save(store, write("k", "1"))
        await save(store, write("k", "2"))
        await delete(store, ALL)
        assert await save(store, write("k", "3", expected=0)) == [1]
        assert await versions(store) == [("k", 1)]

    async def test_deleting_in_an_absent_session_raises_session_not_found(self, store: Store) -> None:
        with pytest.raises(SessionNotFound):
            await store.states.delete(NAMESPACE, "absent", ALL)

    @pytest.mark.parametrize("status", FINAL)
    async def test_deleting_in_an_ended_session_raises_session_ended(
        self, store: Store, status: SessionStatus
    ) -> None:
        await save(store, write())
        await move(store, "s", status)
        with pytest.raises(SessionEnded):
            await delete(store, ALL)
        assert await versions(store) == [("k", 1)]

    async def test_deleting_and_saving_at_once_leaves_whole_states(self, store: Store) -> None:
        await save(store, *(write(f"k{n}", "0") for n in range(10)))
        results = await asyncio.gather(
            *(save(store, write(f"k{n}", "1")) for n in range(10)),
            delete(store, ALL),
            *(save(store, write(f"k{n}", "2")) for n in range(10)),
            return_exceptions=True,
        )
        assert not [result for result in results if isinstance(result, HoldfastError)]
        for key, version in await versions(store):
            assert (await store.states.load(NAMESPACE, "s", key, version)).version == version
