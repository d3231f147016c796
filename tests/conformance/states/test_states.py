"""StateStore: patch, load and delete."""

from __future__ import annotations

import asyncio
import json

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
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionStatus
from holdfastdb_server.domain.states import State, StatePatch, StateSelection
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.storage.store import SqlStore
from tests.support.content import NAMESPACE, append, create, load_json, move, notes, save, write
from tests.support.states import FINAL, patch, versions
from tests.support.stores import OpenStore

ALL = StateSelection()


async def delete(store: Store, which: StateSelection) -> int:
    return await store.states.delete(NAMESPACE, "s", which.checked())


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
        with pytest.raises(SessionEnded):
            await store.states.patch(NAMESPACE, "s", StatePatch("absent", "{}"))

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

    async def test_a_repeated_patch_whose_version_is_not_kept_any_more_raises_state_not_found(
        self, store: SqlStore, open_store: OpenStore
    ) -> None:
        await store.close()
        store = await open_store(policy=Policy(state_versions_kept=1))
        await save(store, write("k", "{}"))
        change = StatePatch("k", '{"a": 1}').checked()
        assert (await store.states.patch(NAMESPACE, "s", change, "r")).version == 2
        await save(store, write("k", "{}"))
        with pytest.raises(StateNotFound) as caught:
            await store.states.patch(NAMESPACE, "s", change, "r")
        assert caught.value.metadata == {"session_id": "s", "key": "k", "version": "2"}

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
        # The neighbours have a `k` of the run.
        await save(store, write("none"), write("k"))
        assert await delete(store, StateSelection(run_id="r")) == 1
        assert [key for key, _ in await versions(store)] == ["k", "none", "old", "old"]

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

    async def test_deleting_counts_as_activity_unless_nothing_is_deleted(self, store: Store) -> None:
        await save(store, write())
        before = await store.sessions.get(NAMESPACE, "s")
        assert await delete(store, StateSelection(keys=["absent"])) == 0
        assert await store.sessions.get(NAMESPACE, "s") == before
        assert await delete(store, ALL) == 1
        after = await store.sessions.get(NAMESPACE, "s")
        assert after.last_activity_time > before.last_activity_time

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
