"""States between protobuf and domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from holdfastdb.v1 import session_service_pb2 as pb
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import check_state_key
from holdfastdb_server.domain.limits import DEFAULT_STATE_KEY
from holdfastdb_server.domain.states import (
    State,
    StateFilter,
    StatePatch,
    StateSelection,
    StateWrite,
    check_writes,
)
from holdfastdb_server.rpc.convert.fields import read_fields
from holdfastdb_server.rpc.convert.scalars import (
    read_payload,
    read_struct,
    write_payload,
    write_struct,
    write_time,
)

ResponseT = TypeVar("ResponseT", pb.PatchStateResponse, pb.LoadStateResponse)


def read_writes(request: pb.SaveStateRequest) -> list[StateWrite]:
    """Return the states to save."""
    return check_writes(
        [
            StateWrite(
                key=write.key,
                payload=read_payload(write.payload),
                metadata=read_struct(f"writes[{index}].metadata", write.metadata),
                run_id=write.run_id,
                expected_version=write.expected_version if write.HasField("expected_version") else None,
            )
            for index, write in enumerate(request.writes)
        ]
    )


def read_patch(request: pb.PatchStateRequest) -> StatePatch:
    """Return the patch to apply."""
    return read_fields(request, StatePatch).checked()


def read_key(request: pb.LoadStateRequest) -> str:
    """Return the key of the state to load."""
    return check_state_key("key", request.key) or DEFAULT_STATE_KEY


def read_filter(request: pb.ListStatesRequest) -> StateFilter:
    """Return which states to list."""
    return read_fields(request, StateFilter).checked()


def read_selection(request: pb.DeleteStatesRequest) -> StateSelection:
    """Return which states to delete."""
    match request.WhichOneof("selection"):
        case "keys":
            selection = StateSelection(keys=tuple(dict.fromkeys(request.keys.keys)))
        case "key_prefix":
            selection = StateSelection(key_prefix=request.key_prefix)
        case "run_id":
            selection = StateSelection(run_id=request.run_id)
        case "all" if request.all:
            selection = StateSelection()
        case _:
            raise InvalidField("selection", "must be one of `keys`, `key_prefix`, `run_id` and `all: true`")
    return selection.checked()


def write_state(response: ResponseT, session_id: str, state: State) -> ResponseT:
    """Return the response with its state."""
    _write_state(response.state, session_id, state)
    return response


def write_saved_states(session_id: str, states: Sequence[State]) -> pb.SaveStateResponse:
    """Return the response of SaveState."""
    response = pb.SaveStateResponse()
    for state in states:
        _write_state(response.states.add(), session_id, state)
    return response


def write_states(session_id: str, states: Sequence[State]) -> pb.ListStatesResponse:
    """Return a list of states."""
    response = pb.ListStatesResponse()
    for state in states:
        _write_state(response.states.add(), session_id, state)
    return response


def _write_state(target: pb.State, session_id: str, state: State) -> None:
    target.session_id = session_id
    target.key = state.key
    target.version = state.version
    if state.payload is not None:
        write_payload(target.payload, state.payload)
    if state.metadata:
        write_struct(target.metadata, state.metadata)
    target.run_id = state.run_id
    target.session_sequence = state.session_sequence
    write_time(target.create_time, state.create_time)
