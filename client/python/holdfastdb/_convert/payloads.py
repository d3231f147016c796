"""Values of the caller's own: JSON texts and bytes."""

from __future__ import annotations

from google.protobuf.message import Message

from holdfastdb._convert.messages import fill
from holdfastdb.types._encoding import encode_payload
from holdfastdb.types.payloads import Data, Json, Payload
from holdfastdb.v1 import payload_pb2


def to_payload(value: object, path: str) -> payload_pb2.Payload:
    """The message of any JSON value, bytes, `Json` or `Data`."""
    message = payload_pb2.Payload()
    write_payload(message, encode_payload(value, path), f"{path}.")
    return message


def to_optional_payload(value: object, path: str) -> payload_pb2.Payload | None:
    """The same; None for None."""
    return None if value is None else to_payload(value, path)


def write_payload(target: payload_pb2.Payload, payload: Payload, path: str) -> None:
    if isinstance(payload, Json):
        fill(path, target, json=payload.text)
    else:
        fill(path, target, data=payload.value)
    if payload.media_type:
        fill(path, target, media_type=payload.media_type)


def from_payload(message: payload_pb2.Payload) -> Payload:
    if message.WhichOneof("body") == "data":
        return Data(message.data, message.media_type)
    return Json(message.json, message.media_type)


def from_optional_payload(message: Message, field: str) -> Payload | None:
    """The payload in a field of a message; None where it is not set."""
    return from_payload(getattr(message, field)) if message.HasField(field) else None
