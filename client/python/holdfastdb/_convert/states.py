"""States."""

from __future__ import annotations

from holdfastdb._arguments import require
from holdfastdb._convert.messages import build
from holdfastdb._convert.payloads import from_optional_payload, to_payload
from holdfastdb._convert.structs import from_struct, to_struct
from holdfastdb._convert.times import from_timestamp
from holdfastdb.types._encoding import encode_payload
from holdfastdb.types.payloads import Payload
from holdfastdb.types.states import State, StateWrite
from holdfastdb.v1 import session_service_pb2 as pb


def to_write(write: StateWrite, path: str) -> tuple[pb.StateWrite, Payload]:
    """The message, and the payload in it."""
    require(write, StateWrite, path.removesuffix("."), "a StateWrite")
    payload = encode_payload(write.value, f"{path}value")
    message = build(
        path,
        pb.StateWrite,
        key=write.key,
        payload=to_payload(payload, f"{path}value"),
        metadata=to_struct(write.metadata, f"{path}metadata"),
        run_id=write.run_id,
        expected_version=write.expected_version,
    )
    return message, payload


def from_state(message: pb.State, payload: Payload | None = None) -> State:
    """The state; `payload` is the one that was sent, where the response omits it."""
    return State(
        session_id=message.session_id,
        key=message.key,
        version=message.version,
        payload=payload or from_optional_payload(message, "payload"),
        metadata=from_struct(message.metadata),
        run_id=message.run_id,
        session_sequence=message.session_sequence,
        create_time=from_timestamp(message.create_time),
    )
