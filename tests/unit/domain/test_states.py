"""States: what is checked and normalized before it is saved, patched or deleted."""

from __future__ import annotations

import pytest

from holdfastdb_server.domain.states import (
    StateFilter,
    StatePatch,
    StateSelection,
    StateWrite,
    check_writes,
)
from holdfastdb_server.domain.values import Payload
from tests.support.refusals import refused
from tests.support.sameness import same

JSON = Payload(json="1")


def test_states_have_the_default_key_where_they_have_none() -> None:
    assert same(StateWrite("", JSON, {"n": 1.0}).checked("w"), StateWrite("default", JSON, {"n": 1}))
    assert StateWrite("k", JSON, expected_version=0).checked("w").key == "k"
    assert StatePatch("", "{}").checked() == StatePatch("default", "{}")
    assert StatePatch("k", "{}").checked().key == "k"
    refused("w.expected_version", StateWrite("k", JSON, expected_version=-1).checked, "w")
    assert refused("merge_patch", StatePatch("k", "").checked) == "is required"
    refused("key", StatePatch("\0", "{}").checked)
    refused("w.key", StateWrite("\0", JSON).checked, "w")
    refused("w.run_id", StateWrite("k", JSON, run_id="\0").checked, "w")
    refused("merge_patch", StatePatch("k", "{").checked)
    largest = '"' + "x" * (3 * 1024 * 1024 - 2) + '"'
    assert StatePatch("k", largest).checked().merge_patch == largest
    refused("merge_patch", StatePatch("k", largest + " ").checked)
    assert StateFilter().checked() == StateFilter(all_versions=False, omit_payload=False)
    assert same(StateFilter(metadata={"n": 1.0}).checked().metadata, {"n": 1})
    refused("metadata.n", StateFilter(metadata={"n": []}).checked)  # type: ignore[dict-item]


def test_a_request_has_1_to_100_states_of_different_keys() -> None:
    writes = [StateWrite(str(number), JSON) for number in range(101)]
    assert check_writes(writes[:1]) == writes[:1]
    assert check_writes(writes[:100]) == writes[:100]
    for count in (0, 101):
        refused("writes", check_writes, writes[:count])
        refused("keys.keys", StateSelection([write.key for write in writes[:count]]).checked)
    refused("writes[1].key", check_writes, [StateWrite("default", JSON), StateWrite("", JSON)])


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        (StateSelection(), ""),
        (StateSelection(["a"]), ""),
        (StateSelection(["é" * 512] * 100), ""),
        (StateSelection(key_prefix="é" * 512), ""),
        (StateSelection(run_id="r"), ""),
        (StateSelection(["a", ""]), "keys.keys[1]"),
        (StateSelection(["a", "é" * 512 + "x"]), "keys.keys[1]"),
        (StateSelection(["\x9f"]), "keys.keys[0]"),
        (StateSelection(key_prefix=""), "key_prefix"),
        (StateSelection(key_prefix="\0"), "key_prefix"),
        (StateSelection(run_id=""), "run_id"),
    ],
)
def test_states_are_selected_by_what_is_not_empty(selection: StateSelection, field: str) -> None:
    if field:
        refused(field, selection.checked)
    else:
        assert selection.checked() == selection
