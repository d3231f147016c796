"""States between protobuf and domain."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from holdfastdb.v1 import payload_pb2
from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.states import State, StateSelection, StateWrite
from holdfastdb_server.domain.values import Payload
from holdfastdb_server.rpc.convert import states

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NUMBER = ParseDict({"n": 3}, Struct())
JSON = payload_pb2.Payload(json="{}")


def test_a_write_has_all_of_its_fields() -> None:
    write = pb.StateWrite(key="k", payload=JSON, metadata=NUMBER, run_id="r", expected_version=0)
    wanted = StateWrite("k", Payload(json="{}"), {"n": 3}, "r", expected_version=0)
    assert states.read_writes(pb.SaveStateRequest(writes=[write])) == [wanted]


def test_an_empty_key_is_the_default_one() -> None:
    [write] = states.read_writes(pb.SaveStateRequest(writes=[pb.StateWrite(payload=JSON)]))
    assert write.key == "default"
    assert write.expected_version is None
    assert states.read_key(pb.LoadStateRequest()) == "default"
    assert states.read_patch(pb.PatchStateRequest(merge_patch="{}")).key == "default"


@pytest.mark.parametrize(
    ("write", "field"),
    [
        (pb.StateWrite(), "payload"),
        (pb.StateWrite(payload=payload_pb2.Payload(json="{")), "payload.json"),
        (pb.StateWrite(payload=payload_pb2.Payload(data=b"x" * (3 * 2**20 + 1))), "payload.data"),
        (pb.StateWrite(payload=JSON, key="é" * 513), "key"),
        (pb.StateWrite(payload=JSON, key="a\0"), "key"),
        (pb.StateWrite(payload=JSON, run_id="x" * 256), "run_id"),
        (pb.StateWrite(payload=JSON, expected_version=-1), "expected_version"),
        (pb.StateWrite(payload=JSON, metadata=ParseDict({"a": ["\0"]}, Struct())), "metadata"),
    ],
)
def test_a_bad_write_is_refused_by_its_place(write: pb.StateWrite, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        states.read_writes(pb.SaveStateRequest(writes=[pb.StateWrite(key="good", payload=JSON), write]))
    assert refusal.value.field == f"writes[1].{field}"


def test_a_key_may_not_stand_twice_also_not_as_the_default() -> None:
    writes = [pb.StateWrite(payload=JSON), pb.StateWrite(key="default", payload=JSON)]
    with pytest.raises(InvalidField) as refusal:
        states.read_writes(pb.SaveStateRequest(writes=writes))
    assert refusal.value.field == "writes[1].key"


@pytest.mark.parametrize("count", [0, 101])
def test_a_save_has_1_to_100_writes(count: int) -> None:
    with pytest.raises(InvalidField) as refusal:
        states.read_writes(pb.SaveStateRequest(writes=[pb.StateWrite(payload=JSON)] * count))
    assert refusal.value.field == "writes"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.PatchStateRequest(), "merge_patch"),
        (pb.PatchStateRequest(merge_patch="{"), "merge_patch"),
        (pb.PatchStateRequest(merge_patch="[" * 501 + "]" * 501), "merge_patch"),
        (pb.PatchStateRequest(merge_patch="{}", key="\n"), "key"),
        (pb.PatchStateRequest(merge_patch="{}", expected_version=-1), "expected_version"),
    ],
)
def test_a_bad_patch_is_refused_by_its_field(request_: pb.PatchStateRequest, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        states.read_patch(request_)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("request_", "selection"),
    [
        (pb.DeleteStatesRequest(keys=pb.StateKeys(keys=["a", "b", "a"])), StateSelection(keys=("a", "b"))),
        (pb.DeleteStatesRequest(key_prefix="a/"), StateSelection(key_prefix="a/")),
        (pb.DeleteStatesRequest(run_id="r"), StateSelection(run_id="r")),
        (pb.DeleteStatesRequest(all=True), StateSelection()),
    ],
)
def test_states_are_selected_in_four_ways(
    request_: pb.DeleteStatesRequest, selection: StateSelection
) -> None:
    assert states.read_selection(request_) == selection


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.DeleteStatesRequest(), "selection"),
        (pb.DeleteStatesRequest(all=False), "selection"),
        (pb.DeleteStatesRequest(keys=pb.StateKeys()), "keys.keys"),
        (pb.DeleteStatesRequest(keys=pb.StateKeys(keys=["a", ""])), "keys.keys[1]"),
        (pb.DeleteStatesRequest(key_prefix=""), "key_prefix"),
        (pb.DeleteStatesRequest(run_id=""), "run_id"),
    ],
)
def test_nothing_is_deleted_by_an_empty_selection(request_: pb.DeleteStatesRequest, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        states.read_selection(request_)
    assert refusal.value.field == field


def test_a_filter_has_all_of_its_conditions() -> None:
    where = states.read_filter(
        pb.ListStatesRequest(
            key_prefix="p",
            key_after="a",
            key_before="z",
            metadata=NUMBER,
            run_id="r",
            all_versions=True,
            omit_payload=True,
        )
    )
    assert (where.key_prefix, where.key_after, where.key_before, where.run_id) == ("p", "a", "z", "r")
    assert (where.metadata, where.all_versions, where.omit_payload) == ({"n": 3}, True, True)


def test_a_state_has_all_of_its_fields() -> None:
    state = State("k", 3, Payload(data=b"\0"), {"n": 3}, "r", 7, NOON)
    written = states.write_state(pb.LoadStateResponse(), "s", state).state
    assert (written.session_id, written.key, written.version) == ("s", "k", 3)
    assert written.payload == payload_pb2.Payload(data=b"\0")
    assert written.metadata == NUMBER
    assert (written.run_id, written.session_sequence) == ("r", 7)
    assert written.create_time.ToDatetime(UTC) == NOON


def test_a_state_whose_payload_was_left_out_has_none() -> None:
    [written] = states.write_saved_states("s", [State("k", 3, None, {}, "", 7, NOON)]).states
    assert not written.HasField("payload")
    assert not written.HasField("metadata")
